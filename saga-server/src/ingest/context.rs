//! The consumer's settings, and what the client tells while it runs: assignments, statistics, errors.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::KafkaError,
};

use super::{IngestError, IngestParts};
use crate::{
    config::KafkaConfig,
    health::{Component, Health},
    metrics::{Metrics, PartitionLabel},
};

pub(super) type SagaConsumer = BaseConsumer<IngestContext>;

/// Settings that configuration may override.
const DEFAULTS: [(&str, &str); 7] = [
    ("auto.offset.reset", "earliest"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("check.crcs", "true"),
    // The client's defaults would hold up to 64 MiB and 100,000 records in memory for each partition.
    ("queued.max.messages.kbytes", "16384"),
    ("queued.min.messages", "10000"),
    ("statistics.interval.ms", "1000"),
    ("session.timeout.ms", "15000"),
];

/// Settings that correctness rests on: offsets are committed by hand, after the database.
const FIXED: [(&str, &str); 2] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
];

/// Connects the consumer and subscribes it to the topic.
pub(super) fn connect(parts: &IngestParts) -> Result<SagaConsumer, IngestError> {
    let mut client = client_config(&DEFAULTS, &parts.kafka);
    client.set("group.id", &parts.kafka.group);
    for (key, value) in FIXED {
        client.set(key, value);
    }
    let context = IngestContext {
        assigned: Mutex::default(),
        health: parts.health.clone(),
        metrics: parts.metrics.clone(),
        topic: parts.kafka.topic.clone(),
    };
    let consumer: SagaConsumer = client.create_with_context(context).map_err(IngestError::Client)?;
    consumer
        .subscribe(&[&parts.kafka.topic])
        .map_err(IngestError::Client)?;
    Ok(consumer)
}

/// What was configured, and our defaults where nothing was.
pub(super) fn client_config(defaults: &[(&str, &str)], kafka: &KafkaConfig) -> ClientConfig {
    let mut client = kafka.client();
    for (key, value) in defaults {
        if client.get(key).is_none() {
            client.set(*key, *value);
        }
    }
    client
}

/// What the client's callbacks write to.
pub(super) struct IngestContext {
    assigned: Mutex<BTreeSet<i32>>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    topic: String,
}

impl IngestContext {
    /// Whether the partition is ours right now.
    pub(super) fn owns(&self, partition: i32) -> bool {
        self.assigned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&partition)
    }

    fn partitions_change(&self, change: impl FnOnce(&mut BTreeSet<i32>)) {
        let mut assigned = self.assigned.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut assigned);
        tracing::info!(topic = self.topic, partitions = ?*assigned, "partitions assigned");
    }
}

impl ConsumerContext for IngestContext {
    // Nothing here waits: the batch in hand is stored all the same, which is harmless, since whoever gets the
    // partition next finds its events known.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            self.partitions_change(|assigned| {
                for element in partitions.elements() {
                    assigned.remove(&element.partition());
                    self.metrics.consumer_lag.remove(&PartitionLabel {
                        partition: element.partition(),
                    });
                }
            });
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            self.partitions_change(|assigned| {
                assigned.extend(partitions.elements().iter().map(|element| element.partition()));
            });
            // An instance without partitions is a working spare.
            self.health.up(Component::Ingest);
            self.health.up(Component::Kafka);
        }
    }
}

impl ClientContext for IngestContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Single brokers come and go; whether any is left is judged by the statistics.
        tracing::debug!(%error, reason, "Kafka client");
    }

    fn stats(&self, statistics: Statistics) {
        let is_reachable = statistics.brokers.values().any(|broker| broker.state == "UP");
        if is_reachable {
            if self.health.up(Component::Kafka) {
                tracing::info!("the broker answers");
            }
        } else if self.health.down(Component::Kafka, "no broker can be reached") {
            tracing::warn!("no broker can be reached; trying again until one can");
        }
        let Some(topic) = statistics.topics.get(&self.topic) else {
            return;
        };
        for partition in topic.partitions.values() {
            // A lag of -1 is not known yet.
            if self.owns(partition.partition) && partition.consumer_lag >= 0 {
                let label = PartitionLabel {
                    partition: partition.partition,
                };
                self.metrics
                    .consumer_lag
                    .get_or_create(&label)
                    .set(partition.consumer_lag);
            }
        }
    }
}

/// What the client logs, at its own level. Lost connections are part of life and said once by health; that a setting is
/// for consumers only, when consumers and producers share them, is no news (`CONFWARN`).
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, message, "Kafka client");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning
            if !["FAIL", "ERROR", "CONFWARN"].contains(&facility) =>
        {
            tracing::warn!(facility, message, "Kafka client");
        }
        _ => tracing::debug!(facility, message, "Kafka client"),
    }
}
