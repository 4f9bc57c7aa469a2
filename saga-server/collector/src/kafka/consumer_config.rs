//! The consumer's settings, and the client that is made of them.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use rdkafka::consumer::Consumer as _;

use super::{
    ConsumerError, KafkaConfig,
    consumer::{ConsumerContext, ConsumerObservers, SagaConsumer},
    permission::Refusals,
};

/// Settings that configuration may override.
const DEFAULTS: [(&str, &str); 7] = [
    ("auto.offset.reset", "earliest"),
    ("check.crcs", "true"),
    // The client's defaults would hold up to 64 MiB and 100,000 records in memory for each partition.
    ("queued.max.messages.kbytes", "16384"),
    ("queued.min.messages", "10000"),
    // With so little in memory, the client's pause of a second after each time that it is enough would starve the writers.
    ("fetch.queue.backoff.ms", "10"),
    ("statistics.interval.ms", "1000"),
    // Partitions that are added, and topics that are made again, are found within this time.
    ("topic.metadata.refresh.interval.ms", "10000"),
];

/// Defaults of the group protocol in which members have sessions of their own. The newer one refuses them.
const CLASSIC_DEFAULTS: [(&str, &str); 2] = [
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("session.timeout.ms", "15000"),
];

/// Settings that correctness rests on: offsets are committed by hand, after the database.
const FIXED: [(&str, &str); 2] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
];

/// How the collector's own topics are made.
pub(crate) const BY_TOPICS_CREATE: &str = "`saga-server topics create` makes it";

/// A topic to consume, and as which group.
#[derive(Clone)]
pub(crate) struct ConsumerConfig {
    pub(crate) kafka: KafkaConfig,
    pub(crate) topic: String,
    pub(crate) group: String,
    /// How the topic is made when it is missing, in words.
    pub(crate) how_made: &'static str,
    /// Settings of this consumer that override the defaults, but not what was configured.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// What the broker refuses.
    pub(crate) refusals: Refusals,
    /// What is reported to, beside the log.
    pub(crate) observers: Option<ConsumerObservers>,
    /// After how long offsets that cannot be read are skipped; never when none.
    pub(crate) skip_unreadable_after: Option<Duration>,
    /// Counts offsets that were skipped.
    pub(crate) batches_skipped: Counter,
    /// Counts clients that did not read on and were replaced.
    pub(crate) replaced: Counter,
}

impl ConsumerConfig {
    /// Connects a consumer and subscribes it to the topic.
    pub(super) fn connect(&self) -> Result<SagaConsumer, ConsumerError> {
        let classic: &[_] = if self.kafka.is_consumer_protocol() {
            &[]
        } else {
            &CLASSIC_DEFAULTS
        };
        let defaults: Vec<_> = self
            .settings
            .iter()
            .chain(&DEFAULTS)
            .chain(classic)
            .copied()
            .collect();
        let mut client = self.kafka.client_with(&defaults);
        client.set("group.id", &self.group);
        for (key, value) in FIXED {
            client.set(key, value);
        }
        let context = ConsumerContext::of(
            self.topic.clone(),
            self.group.clone(),
            self.refusals.clone(),
            self.observers.clone(),
            self.how_made,
        );
        let consumer: SagaConsumer = client
            .create_with_context(context)
            .map_err(ConsumerError::Client)?;
        consumer
            .subscribe(&[&self.topic])
            .map_err(ConsumerError::Client)?;
        Ok(consumer)
    }
}
