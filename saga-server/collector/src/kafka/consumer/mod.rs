//! What the consumer's client reports while it runs: assignments (`rebalance`), statistics, errors.

mod rebalance;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Statistics, config::RDKafkaLogLevel, consumer::BaseConsumer, error::KafkaError,
    types::RDKafkaErrorCode,
};
use saga_types::Timestamp;

use super::{
    permission::{Refusals, Resource},
    record::BatchProgress,
    stall::ClientSnapshot,
    statistics,
    status::{ConsumerStatus, Stage},
    unreadable::{self, Gap},
};
use crate::{
    freshness::Progress,
    health::{Component, Health},
    metrics::LagGauges,
};

pub(crate) type SagaConsumer = BaseConsumer<ConsumerContext>;

/// What the consumer reports to.
#[derive(Clone)]
pub(crate) struct ConsumerObservers {
    pub(crate) health: Arc<Health>,
    pub(crate) lag: LagGauges,
    pub(crate) progress: Arc<Progress>,
    pub(crate) status: Arc<ConsumerStatus>,
}

/// What the client's callbacks write to. They come while the loop polls the client, on its thread.
pub(crate) struct ConsumerContext {
    assigned: Mutex<BTreeSet<i32>>,
    /// What the loop has not drained yet.
    events: Mutex<ConsumerEvents>,
    has_events: AtomicBool,
    /// Another client has taken over, and nothing that this one reports counts.
    is_retired: AtomicBool,
    /// Why certificates or credentials were last refused, until a broker answers.
    authentication_error: Mutex<Option<String>>,
    /// Since when the topic is missing.
    missing_since: Mutex<Option<Instant>>,
    /// Until when partitions that are assigned begin at their beginning, whatever is committed.
    begins_until: Mutex<Option<Instant>>,
    last_error: Mutex<Option<String>>,
    refusals: Refusals,
    observers: Option<ConsumerObservers>,
    topic: String,
    group: String,
    /// How the topic is made when it is missing, in words.
    how_made: &'static str,
}

/// What happened since the loop last asked.
#[derive(Debug, Default)]
pub(super) struct ConsumerEvents {
    /// Partitions that were taken away, maybe to be given back since.
    pub(super) revoked: BTreeSet<i32>,
    /// Whether partitions were assigned.
    pub(super) is_assigned: bool,
    /// Those of them that begin at their beginning.
    pub(super) begun: BTreeSet<i32>,
    /// An offset that the client could not read, and its words.
    pub(super) unreadable: Option<(i64, String)>,
    /// The latest statistics.
    pub(super) snapshot: Option<ClientSnapshot>,
}

impl ConsumerContext {
    pub(super) fn of(
        topic: String,
        group: String,
        refusals: Refusals,
        observers: Option<ConsumerObservers>,
        how_made: &'static str,
    ) -> Self {
        Self {
            topic,
            group,
            how_made,
            refusals,
            observers,
            assigned: Mutex::default(),
            events: Mutex::default(),
            has_events: AtomicBool::default(),
            is_retired: AtomicBool::default(),
            authentication_error: Mutex::default(),
            missing_since: Mutex::default(),
            begins_until: Mutex::default(),
            last_error: Mutex::default(),
        }
    }

    /// What happened since this was last called, if anything did.
    pub(super) fn take_events(&self) -> Option<ConsumerEvents> {
        let has_events = self.has_events.swap(false, Ordering::Relaxed);
        has_events.then(|| std::mem::take(&mut *self.events.lock()))
    }

    fn record(&self, record: impl FnOnce(&mut ConsumerEvents)) {
        record(&mut self.events.lock());
        self.has_events.store(true, Ordering::Relaxed);
    }

    /// Another client takes over: this one's partitions are not ours any more, whatever it says.
    pub(super) fn retire(&self) {
        self.disown(&std::mem::take(&mut *self.assigned.lock()));
        self.is_retired.store(true, Ordering::Relaxed);
    }

    fn observers(&self) -> Option<&ConsumerObservers> {
        self.observers
            .as_ref()
            .filter(|_| !self.is_retired.load(Ordering::Relaxed))
    }

    /// The topic is another one: nothing is known of its partitions until they are read from their beginning.
    pub(super) fn topic_is_another(&self) {
        let topic = &self.topic;
        tracing::warn!(
            topic,
            "topic was deleted and made again, reading it from its beginning"
        );
        self.disown(&self.owned());
    }

    /// Partitions that are assigned until then begin at their beginning.
    pub(super) fn begin_again_until(&self, until: Instant) {
        *self.begins_until.lock() = Some(until);
    }

    fn disown(&self, partitions: &BTreeSet<i32>) {
        let Some(observers) = self.observers() else { return };
        for partition in partitions.iter().copied() {
            observers.progress.revoked(partition);
            observers.lag.remove(partition);
        }
    }

    /// The partitions that are ours right now.
    pub(super) fn owned(&self) -> BTreeSet<i32> {
        self.assigned.lock().clone()
    }

    /// The topic that is consumed.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Reports whether the topic exists, when that changes.
    pub(super) fn topic_exists(&self, exists: bool) {
        let topic = &self.topic;
        if let Some(observers) = self.observers() {
            observers.status.topic_exists(topic, exists, self.how_made);
        }
        let mut missing_since = self.missing_since.lock();
        let was_missing = missing_since.is_some();
        *missing_since = (!exists).then(|| missing_since.unwrap_or_else(Instant::now));
        drop(missing_since);
        match (was_missing, exists) {
            (true, true) => tracing::info!(topic, "topic exists again"),
            (false, false) => tracing::error!(topic, "topic does not exist; {}", self.how_made),
            _ => {}
        }
    }

    /// Reports what the client's statistics say, and how far the loop is with each partition.
    pub(super) fn observe(&self, snapshot: &ClientSnapshot, handed_over: impl Fn(i32) -> Option<i64>) {
        let count = snapshot.partition_count();
        match count {
            // Metadata from before the broker reported the topic missing does not show that it exists.
            Some(1..) if *self.missing_since.lock() >= snapshot.metadata_at => {}
            Some(count) => self.topic_exists(count > 0),
            None => {}
        }
        if snapshot.unsettled.is_none() {
            self.refusals.settled(Instant::now());
        }
        let Some(observers) = self.observers() else { return };
        observers.status.membership(snapshot.unsettled.as_deref());
        if let Some(count) = count.filter(|count| *count > 0) {
            observers.progress.partitions(count);
        }
        for partition in self.owned() {
            let state = snapshot.partitions.get(&partition);
            if let Some((state, at)) = state.and_then(|state| Some((state, state.heard?))) {
                let observed = state.observed(at, handed_over(partition));
                observers.progress.observed(partition, &observed);
            }
            if let Some(behind) = observers.progress.behind(partition) {
                observers.lag.set(partition, behind);
            }
        }
    }

    /// Whether the broker last said that the topic does not exist.
    pub(super) fn is_topic_missing(&self) -> bool {
        self.missing_since.lock().is_some()
    }

    /// Reports that everything of a batch is stored.
    pub(super) fn stored(&self, partition: i32, reached: &BatchProgress) {
        if let Some(observers) = self.observers() {
            let newest = reached.newest_millis.map(Timestamp::from_millis);
            observers
                .progress
                .stored(partition, reached.next_offset, newest.and_then(Result::ok));
        }
    }

    /// A broker refuses our credentials, or its certificate is not trusted.
    fn authentication_failed(&self, reason: &str) {
        // What follows is how long it took.
        let reason = reason.split(" (after ").next().unwrap_or(reason).to_owned();
        let mut last = self.authentication_error.lock();
        if last.as_ref() != Some(&reason) {
            tracing::error!(reason, "authentication with a broker failed");
            *last = Some(reason);
        }
    }

    /// The broker refuses a permission.
    fn refused(&self, resource: Resource, reason: &str) {
        let missing = resource.missing(&self.topic, &self.group);
        if !self.is_retired.load(Ordering::Relaxed) && self.refusals.refused(resource, missing.clone()) {
            tracing::error!(missing, reason, "permission refused");
        }
    }

    /// Reports offsets that cannot be read, until they are skipped.
    pub(super) fn unreadable(&self, partition: i32, gap: &Gap) {
        let (first, last) = (gap.first, gap.end - 1);
        let reason = &gap.reason;
        tracing::error!(
            topic = self.topic,
            partition,
            first,
            last,
            reason,
            "batch cannot be read"
        );
        if let Some(observers) = self.observers() {
            let what = format!("offsets {first} to {last} of partition {partition} cannot be read: {reason}");
            observers.status.waits(Stage::Batches, what);
        }
    }

    /// They were skipped, or can be read after all.
    pub(super) fn reads_on(&self) {
        if let Some(observers) = self.observers() {
            observers.status.goes_on(Stage::Batches);
        }
    }

    /// Reports an error once, however often it comes again.
    fn client_failed(&self, error: &KafkaError, reason: &str) {
        let is_news = match self.observers() {
            Some(observers) => observers.status.client_error(reason),
            None => self.last_error.lock().replace(reason.to_owned()).as_deref() != Some(reason),
        };
        if is_news {
            tracing::error!(topic = self.topic, %error, reason, "Kafka client error");
        }
    }

    fn unreachable(&self) -> String {
        match &*self.authentication_error.lock() {
            Some(reason) => format!("no broker can be reached: {reason}"),
            None => "no broker can be reached".to_owned(),
        }
    }
}

impl ClientContext for ConsumerContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // Retrying does not help, so the reason is reported.
            Some(RDKafkaErrorCode::SSL | RDKafkaErrorCode::Authentication) => {
                self.authentication_failed(reason);
            }
            // Single brokers come and go; whether any is left is read from the statistics.
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition,
            ) => tracing::debug!(%error, reason, "Kafka client"),
            Some(
                code @ (RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed),
            ) => {
                if let Some(resource) = Resource::refused(code) {
                    self.refused(resource, reason);
                }
            }
            Some(code) if unreadable::is_about_a_batch(code) => {
                if let Some(offset) = unreadable::offset_in(reason) {
                    self.record(|events| events.unreadable = Some((offset, reason.to_owned())));
                }
                self.client_failed(&error, reason);
            }
            // It may be about a batch, which is then read again and again: health names it when a partition stands still.
            _ => self.client_failed(&error, reason),
        }
    }

    fn stats(&self, statistics: Statistics) {
        let is_reachable = statistics.brokers.values().any(|broker| broker.state == "UP");
        if is_reachable {
            *self.authentication_error.lock() = None;
        }
        self.record(|events| {
            events.snapshot = Some(statistics::snapshot(&statistics, is_reachable, &self.topic));
        });
        let Some(observers) = self.observers() else { return };
        if is_reachable {
            if observers.health.up(Component::Kafka) {
                tracing::info!("broker available");
            }
        } else if observers.health.down(Component::Kafka, self.unreachable()) {
            tracing::warn!("no broker available, retrying");
        }
    }
}

/// What the client logs, at its own level. Lost connections are common and reported once by health; that a setting is
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
