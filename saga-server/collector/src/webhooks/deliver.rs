//! Delivers what is due to one webhook.
//!
//! Rule of thumb: each webhook waits for itself alone. While its receiver is down, one delivery at a time is tried, at longer and
//! longer intervals.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use saga_store::{Delivery, DeliveryOutcome, Store, StoreError};
use saga_types::fold::SagaState;
use tokio_util::sync::CancellationToken;

use super::{Receiver, SendError, WebhookTimes, notice::Surroundings};
use crate::metrics::Metrics;

/// How many are sent at once.
const AT_ONCE: u32 = 8;

/// How long a claim lasts beyond the time that an answer may take.
const MARGIN: Duration = Duration::from_secs(30);

/// The longest wait between attempts while the receiver is down.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One webhook's deliveries.
#[derive(Clone)]
pub(super) struct Deliverer {
    pub(super) name: String,
    pub(super) receiver: Receiver,
    pub(super) store: Arc<dyn Store>,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) times: WebhookTimes,
}

/// What came of some attempts.
enum Came {
    /// Nothing was due.
    Nothing,
    /// At least one was received.
    Received,
    /// None was; after how long the receiver asks to be tried again.
    Refused(Option<Duration>),
}

impl Deliverer {
    /// Delivers until cancelled. What is being sent then is finished.
    pub(super) async fn run(self, stop: &CancellationToken) {
        let mut refused = 0;
        while !stop.is_cancelled() {
            let limit = if refused > 0 { 1 } else { AT_ONCE };
            let pause = match self.some(limit).await {
                Ok(Came::Received) => {
                    if refused > 0 {
                        tracing::info!(webhook = self.name, "webhook receiver available again");
                    }
                    refused = 0;
                    continue;
                }
                Ok(Came::Nothing) => self.times.interval,
                Ok(Came::Refused(asked)) => {
                    refused += 1;
                    let longest = LONGEST_PAUSE.min(self.times.longest_retry);
                    let pause = self.times.wait(refused, longest);
                    pause.max(asked.unwrap_or_default())
                }
                Err(error) => {
                    tracing::warn!(%error, webhook = self.name, "deliveries not read or not stored, retrying");
                    LONGEST_PAUSE.min(self.times.interval * 10)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn some(&self, limit: u32) -> Result<Came, StoreError> {
        let period = self.receiver.timeout() + self.times.claim_margin.unwrap_or(MARGIN);
        let due = self.store.claim_deliveries(&self.name, limit, period).await?;
        if due.is_empty() {
            return Ok(Came::Nothing);
        }
        let states = self.states(&due).await?;
        let attempts = due.iter().map(|delivery| {
            let state = states.get(&delivery.saga_id).cloned();
            self.attempt(delivery, state)
        });
        let attempts: Vec<_> = attempts.collect();
        let (mut came, mut unrecorded) = (Came::Refused(None), None);
        for (delivery, sent) in due.iter().zip(join_all(attempts).await) {
            let outcome = self.outcome(delivery, &sent);
            self.metrics.webhooks.attempted(&self.name, sent.is_ok());
            match (&sent, &came) {
                (Ok(()), _) => came = Came::Received,
                (Err(error), Came::Refused(asked)) => came = Came::Refused(error.retry_after().max(*asked)),
                _ => {}
            }
            // The others were sent, too, and those that were received must not come again.
            if let Err(error) = self.store.record_attempt(delivery, &outcome).await {
                unrecorded = Some(error);
            }
        }
        unrecorded.map_or(Ok(came), Err)
    }

    /// The sagas as they are now; those that left the database are missing.
    async fn states(&self, due: &[Delivery]) -> Result<BTreeMap<String, SagaState>, StoreError> {
        let ids: BTreeSet<_> = due
            .iter()
            .filter_map(|delivery| delivery.saga_id.parse().ok())
            .collect();
        let sagas = self.store.sagas(&ids).await?.into_iter();
        Ok(sagas
            .map(|saga| (saga.saga_id.as_str().to_owned(), saga.state))
            .collect())
    }

    async fn attempt(&self, delivery: &Delivery, state: Option<SagaState>) -> Result<(), SendError> {
        let body = self.surroundings.body(delivery, state);
        let body = body.map_err(|error| SendError::Unanswered(format!("what is stored of it: {error}")))?;
        self.receiver.send(&delivery.id, body).await.map(drop)
    }

    fn outcome(&self, delivery: &Delivery, sent: &Result<(), SendError>) -> DeliveryOutcome {
        let Err(error) = sent else {
            return DeliveryOutcome::Received;
        };
        tracing::warn!(
            %error,
            webhook = self.name,
            delivery = delivery.id,
            attempts = delivery.attempts,
            "webhook not delivered, retrying"
        );
        let attempts = u32::try_from(delivery.attempts).unwrap_or(u32::MAX);
        let wait = self.times.wait(attempts, self.times.longest_retry);
        DeliveryOutcome::Failed {
            error: error.to_string().chars().take(500).collect(),
            retry_after: wait.max(error.retry_after().unwrap_or_default()),
        }
    }
}
