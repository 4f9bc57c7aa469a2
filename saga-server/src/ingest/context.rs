//! The consumer's settings, and what the client tells while it runs: assignments, statistics, errors.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::KafkaError,
    statistics::{Partition, Topic},
    types::RDKafkaErrorCode,
};
use saga_types::Timestamp;

use super::{IngestError, batch::Reached};
use crate::{
    config::KafkaConfig,
    freshness::{Observed, Progress},
    health::{Component, Health},
    metrics::{Metrics, PartitionLabel},
};

pub(crate) type SagaConsumer = BaseConsumer<FollowContext>;

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

/// A topic to follow.
pub(crate) struct Following {
    pub(crate) topic: String,
    pub(crate) group: String,
    /// Settings of this consumer that outweigh the defaults, but not what was configured.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Who is told how it goes, beside the log.
    pub(crate) told: Option<Told>,
}

/// Those who are told how a topic is followed.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) progress: Arc<Progress>,
}

/// Connects a consumer and subscribes it to the topic.
pub(crate) fn connect(kafka: &KafkaConfig, following: Following) -> Result<SagaConsumer, IngestError> {
    let defaults: Vec<_> = following.settings.iter().chain(&DEFAULTS).copied().collect();
    let mut client = client_config(&defaults, kafka);
    client.set("group.id", &following.group);
    for (key, value) in FIXED {
        client.set(key, value);
    }
    let topic = following.topic.clone();
    let context = FollowContext {
        assigned: Mutex::default(),
        mistrust: Mutex::default(),
        is_missing: AtomicBool::new(false),
        told: following.told,
        topic: following.topic,
    };
    let consumer: SagaConsumer = client.create_with_context(context).map_err(IngestError::Client)?;
    consumer.subscribe(&[&topic]).map_err(IngestError::Client)?;
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
pub(crate) struct FollowContext {
    assigned: Mutex<BTreeSet<i32>>,
    /// Why certificates or credentials were last refused, until a broker answers.
    mistrust: Mutex<Option<String>>,
    is_missing: AtomicBool,
    told: Option<Told>,
    topic: String,
}

impl FollowContext {
    /// The topic that is followed.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Says once that the topic is not there.
    pub(super) fn topic_is_missing(&self) {
        let topic = &self.topic;
        if let Some(told) = &self.told {
            let reason = format!("the topic {topic} does not exist; `saga-server topics create` makes it");
            told.health.down(Component::Ingest, reason);
        }
        if !self.is_missing.swap(true, Ordering::Relaxed) {
            tracing::error!(
                topic,
                "the topic does not exist; `saga-server topics create` makes it"
            );
        }
    }

    /// Whether the partition is ours right now.
    pub(super) fn owns(&self, partition: i32) -> bool {
        self.assigned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&partition)
    }

    /// Told when everything of a batch is stored.
    pub(super) fn stored(&self, partition: i32, reached: &Reached) {
        if let Some(told) = &self.told {
            let newest = reached.newest_millis.map(Timestamp::from_millis);
            told.progress
                .stored(partition, reached.next_offset, newest.and_then(Result::ok));
        }
    }

    /// A broker does not believe us, or we do not believe it.
    fn mistrusted(&self, reason: &str) {
        // What follows is how long it took.
        let reason = reason.split(" (after ").next().unwrap_or(reason).to_owned();
        if self.mistrust().as_ref() != Some(&reason) {
            tracing::error!(reason, "a broker and the collector do not trust each other");
            *self.mistrust() = Some(reason);
        }
    }

    fn unreachable(&self) -> String {
        match &*self.mistrust() {
            Some(reason) => format!("no broker can be reached: {reason}"),
            None => "no broker can be reached".to_owned(),
        }
    }

    fn mistrust(&self) -> MutexGuard<'_, Option<String>> {
        self.mistrust.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn partitions_change(&self, change: impl FnOnce(&mut BTreeSet<i32>)) {
        let mut assigned = self.assigned.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut assigned);
        tracing::info!(topic = self.topic, partitions = ?*assigned, "partitions assigned");
    }
}

impl ConsumerContext for FollowContext {
    // Nothing here waits: the batch in hand is stored all the same, which is harmless, since whoever gets the
    // partition next finds its events known.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            self.partitions_change(|assigned| {
                for element in partitions.elements() {
                    assigned.remove(&element.partition());
                    if let Some(told) = &self.told {
                        told.progress.revoked(element.partition());
                        told.metrics.consumer_lag.remove(&PartitionLabel {
                            partition: element.partition(),
                        });
                    }
                }
            });
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            // One that was taken away while it was paused is still paused when it comes back, and nobody else would
            // resume it. If the store is slow just now, it is paused again with the next poll.
            if let Err(error) = consumer.resume(partitions) {
                tracing::warn!(%error, "partitions could not be resumed");
            }
            self.partitions_change(|assigned| {
                for element in partitions.elements() {
                    assigned.insert(element.partition());
                    if let Some(told) = &self.told {
                        told.progress.assigned(element.partition());
                    }
                }
            });
            self.is_missing.store(false, Ordering::Relaxed);
            // An instance without partitions is a working spare.
            if let Some(told) = &self.told {
                told.health.up(Component::Ingest);
                told.health.up(Component::Kafka);
            }
        }
    }
}

impl ClientContext for FollowContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // That mends nothing by itself, so somebody must learn why.
            Some(RDKafkaErrorCode::SSL | RDKafkaErrorCode::Authentication) => self.mistrusted(reason),
            // Single brokers come and go; whether any is left is judged by the statistics.
            _ => tracing::debug!(%error, reason, "Kafka client"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        let is_reachable = statistics.brokers.values().any(|broker| broker.state == "UP");
        if is_reachable {
            *self.mistrust() = None;
        }
        let Some(told) = &self.told else { return };
        if is_reachable {
            if told.health.up(Component::Kafka) {
                tracing::info!("the broker answers");
            }
        } else if told.health.down(Component::Kafka, self.unreachable()) {
            tracing::warn!("no broker can be reached; trying again until one can");
        }
        let Some(topic) = statistics.topics.get(&self.topic) else {
            return;
        };
        observe(&told.progress, &statistics, topic);
        for partition in topic.partitions.values() {
            // A lag of -1 is not known yet.
            if self.owns(partition.partition) && partition.consumer_lag >= 0 {
                let label = PartitionLabel {
                    partition: partition.partition,
                };
                told.metrics
                    .consumer_lag
                    .get_or_create(&label)
                    .set(partition.consumer_lag);
            }
        }
    }
}

/// Tells how far the partitions are that we consume.
fn observe(progress: &Progress, statistics: &Statistics, topic: &Topic) {
    let highest = topic.partitions.keys().max().copied().unwrap_or(-1);
    progress.partitions(highest + 1);
    for partition in topic.partitions.values() {
        if let Some(at) = last_heard(statistics, partition.leader) {
            progress.observed(partition.partition, &observed(partition, at));
        }
    }
}

/// When the broker last said anything; while it is asked for records that is at least every half second.
fn last_heard(statistics: &Statistics, broker: i32) -> Option<Timestamp> {
    let mut brokers = statistics.brokers.values();
    let broker = brokers.find(|found| found.nodeid == broker && found.state == "UP")?;
    let idle_millis = broker.rxidle / 1000;
    if idle_millis < 0 {
        return None;
    }
    Timestamp::from_millis(Timestamp::now().as_millis() - idle_millis).ok()
}

fn observed(partition: &Partition, at: Timestamp) -> Observed {
    // Records of transactions that are still open are not for us yet.
    let end = if partition.ls_offset >= 0 {
        partition.ls_offset
    } else {
        partition.hi_offset
    };
    Observed {
        at,
        end,
        begin: partition.lo_offset,
        next_fetch: partition.next_offset,
        next_to_hand_over: partition.app_offset,
        has_waiting: partition.fetchq_cnt > 0,
        committed: partition.committed_offset,
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
