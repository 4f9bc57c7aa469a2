//! Which events of a replay the database does not take: judged as ingest judges, in the time that an answer has.
//!
//! Rule of thumb: an operator gets a result for each letter. One that ends its database session costs the others a split; one that
//! makes the database recover is waited for. Only an outage that lasts longer fails the whole replay.

use std::{sync::Arc, time::Duration};

use saga_store::{AppendError, Store};
use saga_types::SagaEvent;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    failure::{Failure, Retry},
    ingest::rejection::Rejection,
};

/// How long attempts may take. With what follows them it is less than the time that REST has for the answer of a replay.
const TIME: Duration = Duration::from_secs(7);

/// How long it may take after that until made-up events pass: PostgreSQL ends all sessions and recovers when one of its processes
/// was killed.
const RECOVERY: Duration = Duration::from_secs(30);

/// How long what passed alone may take together.
const TOGETHER: Duration = Duration::from_secs(4);

/// An event, and the place of its letter.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) place: usize,
    pub(super) event: SagaEvent,
}

pub(super) fn events(ready: &[Ready]) -> Arc<[SagaEvent]> {
    ready.iter().map(|ready| ready.event.clone()).collect()
}

/// The judgement over the events of one page.
pub(super) struct Isolation<'a> {
    store: &'a dyn Store,
    until: Instant,
}

/// Events that the database takes, and the places of the others.
pub(super) struct Isolated {
    pub(super) taken: Vec<Ready>,
    pub(super) rejected: Vec<(usize, Rejection)>,
}

/// The database does not take what is not of a letter either; what it said of the last attempt.
pub(super) struct OthersFail(pub(super) String);

impl<'a> Isolation<'a> {
    pub(super) fn begin(store: &'a dyn Store) -> Self {
        Self {
            store,
            until: Instant::now() + TIME,
        }
    }

    /// Waits for a write as long as there is time. The write itself goes on.
    pub(super) async fn in_time<T>(
        &self,
        write: impl Future<Output = Result<T, AppendError>>,
    ) -> Result<T, AppendError> {
        let until = self.until.max(Instant::now() + TOGETHER);
        timeout_at(until, write)
            .await
            .unwrap_or_else(|_| Err(AppendError::Failed(no_answer().into())))
    }

    /// Tries by dry runs what was not taken together: halves first, and what is not taken is split until single events are left.
    ///
    /// # Errors
    ///
    /// [`OthersFail`] when the database takes no made-up event either.
    pub(super) async fn of(&self, ready: Vec<Ready>, reason: &str) -> Result<Isolated, OthersFail> {
        let stop = CancellationToken::new();
        let retry = Retry {
            store: self.store,
            stop: &stop,
        };
        let (mut taken, mut rejected) = (Vec::new(), Vec::new());
        let (first, second) = ready.split_at(ready.len() / 2);
        // What was tried together and is a single event was tried alone: no time may be left for more.
        let mut chunks = if first.is_empty() {
            vec![second]
        } else {
            vec![second, first]
        };
        let mut last = reason.to_owned();
        while let Some(chunk) = chunks.pop() {
            let dry_run = || self.store.append_dry_run(events(chunk));
            let tried = retry.write(chunk.len(), dry_run, |failure| last = reason_of(failure));
            let Ok(Some(tried)) = timeout_at(self.until, tried).await else {
                self.others_pass(&retry, &last).await?;
                let pending = chunks.into_iter().flatten();
                rejected.extend(pending.map(|ready| (ready.place, Rejection::not_tried())));
                let undecided = |ready: &Ready| (ready.place, Rejection::no_answer(last.clone()));
                rejected.extend(chunk.iter().map(undecided));
                break;
            };
            match (tried, chunk) {
                (Ok(_), _) | (Err(_), []) => taken.extend_from_slice(chunk),
                (Err(reason), [single]) => rejected.push((single.place, Rejection::refused(reason))),
                (Err(_), several) => {
                    let (first, second) = several.split_at(several.len() / 2);
                    chunks.extend([second, first]);
                }
            }
        }
        Ok(Isolated { taken, rejected })
    }

    /// Waits until the database takes made-up events, as ingest does, but not without end.
    async fn others_pass(&self, retry: &Retry<'_>, reason: &str) -> Result<(), OthersFail> {
        let mut backoff = Backoff::new();
        let recovered = async {
            while !retry.others_pass().await {
                backoff.wait(retry.stop).await;
            }
        };
        let until = self.until.max(Instant::now()) + RECOVERY;
        timeout_at(until, recovered)
            .await
            .map_err(|_| OthersFail(reason.to_owned()))
    }
}

fn no_answer() -> String {
    format!("no answer within {} s", TIME.as_secs())
}

fn reason_of(failure: &Failure) -> String {
    let (Failure::Refused(reason) | Failure::Doubtful(reason) | Failure::Outage(reason)) = failure;
    reason.clone()
}
