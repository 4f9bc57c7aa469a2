//! Webhooks: what happened to sagas, sent to those who asked for it, signed, at least once.
//!
//! Rule of thumb: what is to be sent stands in the database before it is sent, and stays there until it was received or given up.
//! Everything may be killed at any moment; what is sent again has the same id.
//!
//! | part | what |
//! | --- | --- |
//! | `config`, `signature` | who is sent what, and the keys that sign it |
//! | `note` | what happened: one delivery of each occurrence for each webhook, stored by the collector that holds the lease |
//! | `deliver` | what is due, sent by any collector, which claims it for the time that takes |
//! | `receiver` | one attempt over HTTP |
//! | `notice` | the body |

mod config;
mod deliver;
mod note;
mod notice;
mod receiver;
mod signature;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use saga_store::{NoticeKind, Store};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

pub use config::{WebhookConfig, event_name};
pub use receiver::SendError;
pub use signature::{SigningKeys, SigningKeysError};

use self::{
    deliver::Deliverer,
    note::{Noting, Subscription},
    notice::Surroundings,
    receiver::Receiver,
};
use crate::{
    freshness::Progress, health::Health, http_client::ClientError, maintenance::lease::Lease,
    metrics::Metrics, owners::Owners, redaction::Redaction,
};

const LEASE_NAME: &str = "webhooks";

/// How long a collector that was killed keeps the others from it.
const LEASE: Duration = Duration::from_secs(20);

/// What webhooks need of a collector.
#[derive(Clone)]
pub struct WebhookParts {
    /// Where sagas and deliveries are.
    pub store: Arc<dyn Store>,
    /// Up to which moment everything is stored.
    pub progress: Arc<Progress>,
    /// Where deliveries are counted.
    pub metrics: Arc<Metrics>,
    /// Who is warned.
    pub health: Arc<Health>,
    /// Which metadata is hidden.
    pub redaction: Redaction,
    /// Whom to ask about services and saga types.
    pub owners: Owners,
    /// Where the pages are.
    pub external_url: Option<String>,
    /// How long a compensation may be owed.
    pub compensation_overdue_after: Duration,
}

/// How often is looked for what happened and what is due, and how long is waited after a failure.
#[derive(Debug, Clone, Copy)]
pub struct WebhookTimes {
    /// Between two looks.
    pub interval: Duration,
    /// After the first attempt; twice as long after each further one.
    pub first_retry: Duration,
    /// The longest wait.
    pub longest_retry: Duration,
    /// How long a claim lasts beyond the timeout; 30 s.
    pub claim_margin: Option<Duration>,
}

impl Default for WebhookTimes {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(2),
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_secs(3_600),
            claim_margin: None,
        }
    }
}

impl WebhookTimes {
    /// How long to wait after so many failures: doubled by each, half of it by chance, so that those that failed together do not
    /// come again together.
    fn wait(&self, failures: u32, longest: Duration) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(20));
        let ceiling = self.first_retry.saturating_mul(doubled).min(longest);
        ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// The webhooks of one collector.
#[derive(Clone)]
pub struct Webhooks {
    configs: Arc<[WebhookConfig]>,
    receivers: Arc<[Receiver]>,
    subscribed: Arc<OnceCell<Vec<Subscription>>>,
    store: Arc<dyn Store>,
    progress: Arc<Progress>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    surroundings: Arc<Surroundings>,
    compensation_overdue_after: Duration,
    times: WebhookTimes,
}

impl Webhooks {
    /// From now on the store notes failures, if a webhook asks for them.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when certificates are not there.
    pub fn new(configs: &[WebhookConfig], parts: WebhookParts) -> Result<Self, ClientError> {
        let receivers = configs.iter().map(Receiver::of);
        let receivers = receivers.collect::<Result<Vec<_>, ClientError>>()?;
        note_failures(configs, &*parts.store);
        Ok(Self {
            configs: configs.into(),
            receivers: receivers.into(),
            subscribed: Arc::default(),
            store: parts.store,
            progress: parts.progress,
            metrics: parts.metrics,
            health: parts.health,
            surroundings: Arc::new(Surroundings {
                owners: parts.owners,
                external_url: parts.external_url,
                redaction: parts.redaction,
            }),
            compensation_overdue_after: parts.compensation_overdue_after,
            times: WebhookTimes::default(),
        })
    }

    /// Sets how often is looked and retried.
    #[must_use]
    pub fn with_times(self, times: WebhookTimes) -> Self {
        Self { times, ..self }
    }

    /// Looks for what happened while it holds the lease, and delivers what is due, until cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let deliverers = self.configs.iter().zip(self.receivers.iter());
        let deliverers = deliverers.map(|(config, receiver)| Deliverer {
            name: config.name.clone(),
            receiver: receiver.clone(),
            store: self.store.clone(),
            surroundings: self.surroundings.clone(),
            metrics: self.metrics.clone(),
            times: self.times,
        });
        let delivering: Vec<_> = deliverers.map(|deliverer| deliverer.run(&stop)).collect();
        let lease = Lease::new(self.store.clone(), LEASE_NAME, LEASE);
        let noting = Noting::new(self.clone());
        tokio::join!(
            lease.run(self.times.interval, stop.clone(), noting),
            join_all(delivering)
        );
    }
}

/// Whether the batches of a store note failures: when a webhook asks for them.
pub fn note_failures(configs: &[WebhookConfig], store: &dyn Store) {
    let is_wanted = configs
        .iter()
        .any(|config| config.kinds.contains(&NoticeKind::Failed));
    store.note_failures(is_wanted);
}

/// Sends an example of what a webhook asks for first; gives its id.
///
/// # Errors
///
/// [`SendError`] when it was not received.
pub async fn send_example(
    config: &WebhookConfig,
    owners: Owners,
    external_url: Option<String>,
) -> Result<String, SendError> {
    let unsent = |error: &dyn std::fmt::Display| SendError::Unanswered(error.to_string());
    let kind = config.kinds.first().copied().unwrap_or(NoticeKind::Failed);
    let delivery = notice::example(&config.name, kind).map_err(|error| unsent(&error))?;
    let surroundings = Surroundings {
        owners,
        external_url,
        redaction: Redaction::default(),
    };
    let body = surroundings
        .body(&delivery, None)
        .map_err(|error| unsent(&error))?;
    let receiver = Receiver::of(config).map_err(|error| unsent(&error))?;
    receiver.send(&delivery.id, body).await?;
    Ok(delivery.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ() {
        let times = WebhookTimes::default();
        let longest = Duration::from_secs(3_600);
        for (failures, ceiling_s) in [(1, 5), (2, 10), (5, 80), (11, 3_600), (u32::MAX, 3_600)] {
            let ceiling = Duration::from_secs(ceiling_s);
            let wait = times.wait(failures, longest);
            assert!(wait <= ceiling && wait >= ceiling / 2, "{failures}: {wait:?}");
        }
        assert_ne!(times.wait(9, longest), times.wait(9, longest));
    }
}
