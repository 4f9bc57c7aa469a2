//! Clients that send the events of a plan and do what the answers ask for: the same body again, after as long as they say.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use reqwest::{Response, StatusCode, header::RETRY_AFTER};
use saga_types::SagaEvent;
use serde_json::Value;
use tokio::{task::JoinSet, time::MissedTickBehavior};

use crate::{accounting::Accounting, events::Plan, http, report::Table};

/// How many events a body has.
pub(super) const BATCH: usize = 100;

/// How long one body may take, with all attempts.
const TIMEOUT: Duration = Duration::from_secs(180);

/// How long an answer may take; the gateway waits 10 s for the broker.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// How long a client waits when nothing answers.
const NO_ANSWER_PAUSE: Duration = Duration::from_millis(200);

/// Who sends what.
#[derive(Clone)]
pub(super) struct Clients {
    /// Of the gateway.
    pub(super) url: String,
    pub(super) plan: Arc<Plan>,
    pub(super) accounting: Arc<Accounting>,
    pub(super) answers: Arc<Answers>,
    /// How many send at once, each the events of its own sagas.
    pub(super) count: u32,
    /// How many events stand in a body.
    pub(super) batch: usize,
    /// Events a second of all clients together; as fast as they are accepted when none.
    pub(super) rate: Option<u32>,
}

/// What the clients were answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    bodies: Mutex<BTreeMap<String, usize>>,
    results: Mutex<BTreeMap<String, usize>>,
    unexpected: Mutex<Vec<String>>,
}

/// A result, as far as it matters here.
struct Answer {
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    body: Value,
}

impl Clients {
    pub(super) fn send(&self) -> JoinSet<Result<()>> {
        let mut sending = JoinSet::new();
        let (sagas, clients) = (self.plan.sagas(), self.count as usize);
        for client in 0..clients {
            let own = sagas * client / clients..sagas * (client + 1) / clients;
            let this = self.clone();
            sending.spawn(async move { this.send_sagas(own).await });
        }
        sending
    }

    async fn send_sagas(&self, sagas: std::ops::Range<usize>) -> Result<()> {
        let http = http::client();
        let mut pace = self.rate.map(|rate| {
            let period = f64::from(self.count) * self.batch as f64 / f64::from(rate);
            let mut pace = tokio::time::interval(Duration::from_secs_f64(period));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pace
        });
        let mut body = Vec::with_capacity(self.batch);
        for saga in sagas {
            for numbered in self.plan.numbers(saga).zip(self.plan.saga(saga)?) {
                body.push(numbered);
                if body.len() == self.batch {
                    if let Some(pace) = &mut pace {
                        pace.tick().await;
                    }
                    self.until_accepted(&http, &body).await?;
                    body.clear();
                }
            }
        }
        if body.is_empty() {
            return Ok(());
        }
        self.until_accepted(&http, &body).await
    }

    async fn until_accepted(&self, http: &reqwest::Client, events: &[(usize, SagaEvent)]) -> Result<()> {
        let url = format!("{}/api/v1/events", self.url);
        let body: Vec<_> = events.iter().map(|(_, event)| event).collect();
        let body = serde_json::to_vec(&body)?;
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let request = http.post(&url).header("content-type", "application/json");
            let sent = request.body(body.clone()).timeout(ANSWER_WITHIN).send().await;
            let answer = match sent {
                Ok(response) => Answer::read(response).await,
                Err(_) => Answer::none(),
            };
            let Some(pause) = self.take(&answer, events) else {
                return Ok(());
            };
            ensure!(
                Instant::now() < deadline,
                "a body is not accepted for {TIMEOUT:?}"
            );
            tokio::time::sleep(pause).await;
        }
    }

    /// How long to wait before the body is sent again; `None` when it need not be, or must not.
    fn take(&self, answer: &Answer, events: &[(usize, SagaEvent)]) -> Option<Duration> {
        let Some(status) = answer.status else {
            self.answers.count("none");
            return Some(NO_ANSWER_PAUSE);
        };
        self.answers.count(status.as_str());
        for result in answer.body["results"].as_array().into_iter().flatten() {
            self.take_result(result, events);
        }
        match (status, answer.retry_after) {
            (StatusCode::ACCEPTED, _) => None,
            (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(pause)) => Some(pause),
            _ => {
                self.answers.add_unexpected(format!("{status}: {}", answer.body));
                None
            }
        }
    }

    fn take_result(&self, result: &Value, events: &[(usize, SagaEvent)]) {
        let outcome = result["outcome"].as_str().unwrap_or_default();
        *locked(&self.answers.results)
            .entry(outcome.to_owned())
            .or_default() += 1;
        let place = result["index"]
            .as_u64()
            .and_then(|index| usize::try_from(index).ok());
        let event = place.and_then(|place| events.get(place));
        match event {
            Some((number, event)) if result["eventId"] == event.event_id.as_str() => {
                if outcome == "ACCEPTED" {
                    self.accounting.event(*number);
                }
            }
            _ => self
                .answers
                .add_unexpected(format!("a result of no event that was sent: {result}")),
        }
    }
}

impl Answer {
    const fn none() -> Self {
        Self {
            status: None,
            retry_after: None,
            body: Value::Null,
        }
    }

    /// An answer that is cut off is none.
    async fn read(response: Response) -> Self {
        let status = response.status();
        let seconds = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let retry_after = seconds
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs);
        match response.json().await {
            Ok(body) => Self {
                status: Some(status),
                retry_after,
                body,
            },
            Err(_) => Self::none(),
        }
    }
}

impl Answers {
    fn count(&self, answer: &str) {
        *locked(&self.bodies).entry(answer.to_owned()).or_default() += 1;
    }

    fn add_unexpected(&self, what: String) {
        locked(&self.unexpected).push(what);
    }

    pub(super) fn unexpected(&self) -> Vec<String> {
        locked(&self.unexpected).clone()
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::of_figures("Answers, and results of events in them");
        for (answer, count) in locked(&self.bodies).iter() {
            table.figure(&format!("answer {answer}"), *count);
        }
        for (outcome, count) in locked(&self.results).iter() {
            table.figure(&format!("result {outcome}"), *count);
        }
        table
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until all clients have sent everything.
pub(super) async fn finish(mut sending: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = sending.join_next().await {
        ended??;
    }
    Ok(())
}
