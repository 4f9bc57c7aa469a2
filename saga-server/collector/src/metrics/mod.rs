//! What the collector counts, by the names that dashboards and alerts use.
//!
//! Rule of thumb: every label's values come from a small set. Names that producers choose freely (steps) are reduced to
//! the known ones and `OTHER`.

mod lost;
mod overdue;
mod stored;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64},
    },
};

use parking_lot::RwLock;
use prometheus_client::{
    collector::Collector,
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use saga_types::{SagaStatus, Step, Timestamp, steps};

use saga_store::Attention;

pub use lost::LostCounters;
pub(crate) use overdue::Reading;
pub use overdue::WatchGauges;
pub use stored::count_stored;
pub(crate) use stored::{append_took, appended};

/// Label `status`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StatusLabel {
    /// A saga status.
    pub status: &'static str,
}

/// Labels of a processed event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StepLabels {
    /// A known step, or `OTHER`.
    pub step: String,
    /// The event's status.
    pub status: &'static str,
}

/// Label `partition`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PartitionLabel {
    /// The partition of the topic.
    pub partition: i32,
}

/// Label `reason` of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// The kind of error, such as `INVALID_NAME`.
    pub reason: &'static str,
}

/// Labels of an answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    /// The route with its placeholders, such as `/api/v1/sagas/{sagaId}`.
    pub endpoint: String,
    /// The HTTP method.
    pub method: String,
}

/// Label `task`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TaskLabel {
    /// The name of a background task.
    pub task: &'static str,
}

/// Label `setting`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SettingLabel {
    /// What all collectors on a database must have in common.
    pub setting: &'static str,
}

/// Label `query`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueryLabel {
    /// What the store was asked to do.
    pub query: &'static str,
}

/// A gauge that holds any number.
pub type FloatGauge = Gauge<f64, AtomicU64>;

/// Seconds since 1970, or of a duration.
#[expect(
    clippy::cast_precision_loss,
    reason = "a metric needs no more than a double's 53 bits"
)]
pub(crate) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

/// All metrics of one collector.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// `saga_active_total`: as older dashboards know it.
    active_as_total: Family<StatusLabel, Gauge<i64, AtomicI64>>,
    active: Family<StatusLabel, Gauge<i64, AtomicI64>>,
    /// `saga_failed_total`: sagas that became FAILED.
    pub failed: Counter,
    /// `saga_compensated_total`: sagas that became COMPENSATED.
    pub compensated: Counter,
    /// `saga_compensation_duration_seconds`: from the first failure to the end of compensation.
    pub compensation_duration: Histogram,
    events_processed: Family<StepLabels, Counter>,
    /// `saga_tracker_consumer_lag`: events on a partition that are not stored yet.
    pub consumer_lag: Family<PartitionLabel, Gauge>,
    /// `saga_tracker_behind_seconds`: the age of the moment up to which everything is stored, over all instances.
    pub behind: FloatGauge,
    /// `saga_tracker_api_latency_seconds`.
    pub api_latency: Family<EndpointLabels, Histogram>,
    /// `saga_tracker_db_query_seconds`.
    pub db_query: Family<QueryLabel, Histogram>,
    /// `saga_last_failed_timestamp`.
    last_failed: FloatGauge,
    /// What the monitor sees, on the instance that watches.
    pub watch: Arc<WatchGauges>,
    /// How many events never came, as the database says.
    pub lost: Arc<LostCounters>,
    /// `saga_tracker_producers_ignored_total`: records whose producer was ignored.
    producers_ignored: Family<ReasonLabel, Counter>,
    /// `saga_tracker_stream_clients`: clients of the stream of changes.
    pub stream_clients: Gauge,
    /// `saga_tracker_duplicates_total`: events that came again.
    pub duplicates: Counter,
    /// `saga_tracker_dead_letters_total`.
    pub dead_letters: Family<ReasonLabel, Counter>,
    /// `saga_tracker_ingest_stalled`: whether this instance does not store what is on its partitions.
    pub ingest_stalled: Gauge,
    /// `saga_tracker_batches_skipped_total`: batches that could not be read and were skipped.
    pub batches_skipped: Counter,
    /// `saga_tracker_dead_letters_kept_back_total`: dead letters that their topic did not take, kept in the database only.
    pub dead_letters_kept_back: Counter,
    /// `saga_tracker_dead_letters_replayed_total`: events that came into the store by a replay.
    pub dead_letters_replayed: Counter,
    /// `saga_tracker_dead_letters_waiting`.
    dead_letters_waiting: Gauge,
    /// `saga_tracker_dead_letters_stored`.
    dead_letters_stored: Gauge,
    /// `saga_tracker_batch_size`: events of a stored batch.
    pub batch_size: Histogram,
    /// `saga_tracker_end_to_end_seconds`: from recorded to visible.
    pub end_to_end: Histogram,
    /// `saga_tracker_store_retries_total`: appends that were retried because the database was unavailable.
    pub store_retries: Counter,
    /// `saga_tracker_kafka_clients_replaced_total`: consumers that stalled.
    pub clients_replaced: Counter,
    /// `saga_tracker_retention_removed_total`: sagas that left the database.
    retention_removed: Counter,
    /// `saga_tracker_retention_archived_total`: those of them that are in the archive.
    retention_archived: Counter,
    /// `saga_tracker_retention_dead_letters_removed_total`: dead letters that left the database.
    pub retention_dead_letters_removed: Counter,
    tasks_ended: Family<TaskLabel, Counter>,
    /// `saga_tracker_retention_failures_total`: runs that ended with an error.
    pub retention_failures: Counter,
    /// `saga_tracker_retention_last_success_timestamp`.
    retention_last_success: FloatGauge,
    /// `saga_tracker_definitions_invalid`: 1 while files of definitions are wrong, so that older ones are in force.
    pub definitions_invalid: Gauge,
    /// `saga_tracker_collectors_differing`: other collectors on the database that run with another setting.
    collectors_differing: Family<SettingLabel, Gauge>,
    known_steps: RwLock<BTreeSet<String>>,
}

/// Registers each metric where it is declared.
#[derive(Default)]
struct Declared(Registry);

impl Declared {
    fn metric<M: prometheus_client::registry::Metric + Clone>(
        &mut self,
        name: &str,
        help: &str,
        metric: M,
    ) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn collector<C: Collector>(&mut self) -> Arc<C>
    where
        Arc<C>: Collector + Default,
    {
        let collector = Arc::<C>::default();
        self.0.register_collector(Box::new(collector.clone()));
        collector
    }
}

impl Metrics {
    /// Makes all metrics; steps named by a definition get a label of their own.
    #[must_use]
    pub fn new(known_steps: impl IntoIterator<Item = Step>) -> Self {
        let latency = || {
            Histogram::new([
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
            ])
        };
        let mut declared = Declared::default();
        let metrics = Self {
            active_as_total: declared.metric(
                "saga_active_total",
                "Sagas by status (as older dashboards know it)",
                Default::default(),
            ),
            active: declared.metric(
                "saga_active",
                "Sagas by status",
                Default::default(),
            ),
            failed: declared.metric(
                "saga_failed",
                "Sagas that became FAILED",
                Default::default(),
            ),
            compensated: declared.metric(
                "saga_compensated",
                "Sagas that became COMPENSATED",
                Default::default(),
            ),
            compensation_duration: declared.metric(
                "saga_compensation_duration_seconds",
                "From the first failure to the end of compensation",
                Histogram::new([
                0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
            ]),
            ),
            events_processed: declared.metric(
                "saga_events_processed",
                "Events stored, by step and status",
                Default::default(),
            ),
            consumer_lag: declared.metric(
                "saga_tracker_consumer_lag",
                "Events not stored yet, by partition",
                Default::default(),
            ),
            behind: declared.metric(
                "saga_tracker_behind_seconds",
                "Age of the moment up to which everything in the topic is stored, over all instances",
                Default::default(),
            ),
            api_latency: declared.metric(
                "saga_tracker_api_latency_seconds",
                "Time to answer a request",
                Family::new_with_constructor(latency),
            ),
            db_query: declared.metric(
                "saga_tracker_db_query_seconds",
                "Time the database took",
                Family::new_with_constructor(latency),
            ),
            last_failed: declared.metric(
                "saga_last_failed_timestamp",
                "When a saga last became FAILED, in seconds since 1970",
                Default::default(),
            ),
            watch: declared.collector(),
            lost: declared.collector(),
            producers_ignored: declared.metric(
                "saga_tracker_producers_ignored",
                "Records whose producer was ignored: its headers are invalid, or there are too many producers",
                Default::default(),
            ),
            stream_clients: declared.metric(
                "saga_tracker_stream_clients",
                "Clients of the stream of changes",
                Default::default(),
            ),
            duplicates: declared.metric(
                "saga_tracker_duplicates",
                "Events that were delivered again and changed nothing",
                Default::default(),
            ),
            dead_letters: declared.metric(
                "saga_tracker_dead_letters",
                "Events put into the dead letter topic, by reason",
                Default::default(),
            ),
            ingest_stalled: declared.metric(
                "saga_tracker_ingest_stalled",
                "1 while this instance does not store what is on its partitions",
                Default::default(),
            ),
            batches_skipped: declared.metric(
                "saga_tracker_batches_skipped",
                "Batches that could not be read and were skipped, as ingest.skipUnreadableAfter says",
                Default::default(),
            ),
            dead_letters_kept_back: declared.metric(
                "saga_tracker_dead_letters_kept_back",
                "Dead letters that their topic did not take, kept in the database only",
                Default::default(),
            ),
            dead_letters_replayed: declared.metric(
                "saga_tracker_dead_letters_replayed",
                "Events that came into the store by a replay",
                Default::default(),
            ),
            dead_letters_waiting: declared.metric(
                "saga_tracker_dead_letters_waiting",
                "Dead letters that wait to be replayed",
                Default::default(),
            ),
            dead_letters_stored: declared.metric(
                "saga_tracker_dead_letters_stored",
                "Dead letters in the database",
                Default::default(),
            ),
            batch_size: declared.metric(
                "saga_tracker_batch_size",
                "Events of a stored batch",
                Histogram::new([1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0]),
            ),
            end_to_end: declared.metric(
                "saga_tracker_end_to_end_seconds",
                "From recorded to visible",
                Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0]),
            ),
            store_retries: declared.metric(
                "saga_tracker_store_retries",
                "Appends retried because the database was unavailable",
                Default::default(),
            ),
            clients_replaced: declared.metric(
                "saga_tracker_kafka_clients_replaced",
                "Kafka consumers that stalled and were replaced by new ones",
                Default::default(),
            ),
            retention_removed: declared.metric(
                "saga_tracker_retention_removed",
                "Sagas that left the database at the end of their retention period",
                Default::default(),
            ),
            retention_archived: declared.metric(
                "saga_tracker_retention_archived",
                "Sagas that were archived before they left the database",
                Default::default(),
            ),
            retention_dead_letters_removed: declared.metric(
                "saga_tracker_retention_dead_letters_removed",
                "Dead letters that left the database at the end of their retention period",
                Default::default(),
            ),
            tasks_ended: declared.metric(
                "saga_tracker_tasks_ended",
                "Background tasks that ended or panicked before the stop; each is started again, or the process ends",
                Default::default(),
            ),
            retention_failures: declared.metric(
                "saga_tracker_retention_failures",
                "Retention runs that failed",
                Default::default(),
            ),
            retention_last_success: declared.metric(
                "saga_tracker_retention_last_success_timestamp",
                "When retention last ran to its end, in seconds since 1970",
                Default::default(),
            ),
            definitions_invalid: declared.metric(
                "saga_tracker_definitions_invalid",
                "1 while files of definitions are wrong, so that those loaded before are in force",
                Default::default(),
            ),
            collectors_differing: declared.metric(
                "saga_tracker_collectors_differing",
                "Other collectors on the database that run with another setting",
                Default::default(),
            ),
            known_steps: RwLock::default(),
            registry: declared.0,
        };
        for status in SagaStatus::ALL {
            metrics.set_active(status, 0);
        }
        metrics.know_steps(known_steps);
        metrics.collectors_differ([0; 3]);
        metrics.producers_invalid(0);
        metrics.producers_left_out(0);
        metrics
    }

    /// These steps and the built-in ones get a label of their own from now on; those that had one before keep it.
    pub fn know_steps(&self, steps: impl IntoIterator<Item = Step>) {
        let steps = steps::ALL.iter().cloned().chain(steps);
        self.known_steps.write().extend(steps.map(String::from));
    }

    /// How many other collectors run with other definitions, another redaction, other tables.
    pub fn collectors_differ(&self, counts: [usize; 3]) {
        for (setting, count) in ["definitions", "redaction", "tables"].into_iter().zip(counts) {
            let gauge = self.collectors_differing.get_or_create(&SettingLabel { setting });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// A background task was started: it is counted from 0, so that an alert has a series to look at.
    pub fn task_started(&self, task: &'static str) {
        self.tasks_ended.get_or_create(&TaskLabel { task }).inc_by(0);
    }

    /// A background task ended before the stop.
    pub fn task_ended(&self, task: &'static str) {
        self.tasks_ended.get_or_create(&TaskLabel { task }).inc();
    }

    /// The number of sagas in a status, over all instances, as the database says.
    pub fn set_active(&self, status: SagaStatus, count: u64) {
        let label = StatusLabel {
            status: status.as_str(),
        };
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.active.get_or_create(&label).set(count);
        self.active_as_total.get_or_create(&label).set(count);
    }

    /// An event was stored.
    pub fn event_processed(&self, step: &Step, status: SagaStatus) {
        let is_known = self.known_steps.read().contains(step.as_str());
        let step = if is_known { step.as_str() } else { "OTHER" }.to_owned();
        self.events_processed
            .get_or_create(&StepLabels {
                step,
                status: status.as_str(),
            })
            .inc();
    }

    /// When a saga last failed, over all instances, as the database says.
    pub fn set_last_failed(&self, attention: &Attention) {
        if let Some(moment) = attention.last_failed_at {
            self.last_failed.set(seconds(moment.as_millis()));
        }
    }

    /// Retention ran to its end.
    pub(crate) fn retention_ran(&self, removed: u64, archived: u64) {
        self.retention_removed.inc_by(removed);
        self.retention_archived.inc_by(archived);
        self.retention_last_success
            .set(seconds(Timestamp::now().as_millis()));
    }

    /// An event went to the dead letter topic.
    pub fn dead_letter(&self, reason: &'static str) {
        self.dead_letters.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Records had invalid producer headers.
    pub fn producers_invalid(&self, records: u64) {
        self.producers_ignored("INVALID", records);
    }

    /// There were more producers than are distinguished.
    pub fn producers_left_out(&self, records: u64) {
        self.producers_ignored("TOO_MANY", records);
    }

    fn producers_ignored(&self, reason: &'static str, records: u64) {
        self.producers_ignored
            .get_or_create(&ReasonLabel { reason })
            .inc_by(records);
    }

    /// How many dead letters wait, over all instances, as the database says.
    pub fn set_dead_letters_waiting(&self, waiting: u64) {
        self.dead_letters_waiting.set(waiting.cast_signed());
    }

    /// How many dead letters are in the database.
    pub fn set_dead_letters_stored(&self, stored: u64) {
        self.dead_letters_stored.set(stored.cast_signed());
    }

    /// Everything in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}
