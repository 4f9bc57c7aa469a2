//! To the topic, by the client that services use, and what the broker said of each event.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use saga_sdk::{
    ConnectError, DropReason, FlushReport, PublishMode, RecordError, SagaConfig, SagaTrackerClient,
    TraceContext,
};
use saga_types::SagaEvent;

/// Writes to the topic. The connection is made with the first event, since most collectors get none this way.
pub struct Publisher {
    config: SagaConfig,
    client: OnceLock<Result<Arc<dyn SagaTrackerClient>, ConnectError>>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The broker has acknowledged it.
    Acknowledged,
    /// It is not on the topic.
    NotSent(DropReason),
    /// No acknowledgement came in time: it may be on the topic.
    Unknown,
}

impl Publisher {
    /// A publisher with this configuration of the SDK, which waits at most so long for the broker.
    #[must_use]
    pub fn new(config: SagaConfig, ack_timeout: Duration) -> Self {
        let config = config
            .enabled(true)
            .mode(PublishMode::Synchronous)
            .sync_timeout(ack_timeout);
        Self {
            config,
            client: OnceLock::new(),
        }
    }

    /// A publisher with a client, which must report acknowledgements as the synchronous mode does; for tests.
    #[must_use]
    pub fn with_client(client: Arc<dyn SagaTrackerClient>) -> Self {
        Self {
            config: SagaConfig::default(),
            client: OnceLock::from(Ok(client)),
        }
    }

    /// Makes the connection now.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the configuration cannot be used; the same with every call.
    pub fn connect(&self) -> Result<(), ConnectError> {
        self.client().map(drop)
    }

    fn client(&self) -> Result<&Arc<dyn SagaTrackerClient>, ConnectError> {
        let client = self.client.get_or_init(|| saga_sdk::connect(&self.config));
        client.as_ref().map_err(Clone::clone)
    }

    /// Sends events and waits for the broker's word on each.
    ///
    /// The events of one saga keep their order. Dropping this takes nothing back.
    pub async fn publish(&self, events: Vec<SagaEvent>, trace: Option<&TraceContext>) -> Vec<Delivery> {
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "events cannot be published");
                return vec![Delivery::NotSent(DropReason::Failed); events.len()];
            }
        };
        let recordings: Vec<_> = events
            .into_iter()
            .map(|event| {
                let trace = TraceContext::of_event(&event).or_else(|| trace.cloned());
                client.relay_event(event, trace)
            })
            .collect();
        let mut deliveries = Vec::with_capacity(recordings.len());
        for recording in recordings {
            deliveries.push(delivery(recording.await));
        }
        deliveries
    }

    /// What keeps events from being published, in words for an operator. Blocks, up to ten seconds.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let problems = saga_sdk::doctor(&self.config).problems;
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    /// Sends what is left, at most for so long.
    pub async fn close(&self, timeout: Duration) {
        if let Some(Ok(client)) = self.client.get() {
            let report: FlushReport = client.close(timeout).await;
            if !report.is_complete() {
                tracing::warn!(left = report.left, "events were not acknowledged before the end");
            }
        }
    }
}

fn delivery(result: Result<(), RecordError>) -> Delivery {
    match result {
        Ok(()) => Delivery::Acknowledged,
        Err(RecordError::NotSent { reason, .. }) => Delivery::NotSent(reason),
        Err(RecordError::Unconfirmed { .. }) => Delivery::Unknown,
        Err(error) => {
            tracing::error!(%error, "an event cannot be published");
            Delivery::NotSent(DropReason::Failed)
        }
    }
}
