//! Metrics of ingest: from the topic to the database.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};

use super::{
    ReasonLabel,
    declare::{Declare, FloatGauge},
    lag::LagGauges,
};

/// Label `partition`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabel {
    /// The partition of the topic.
    partition: i32,
}

/// Metrics of ingest.
#[derive(Debug)]
pub struct IngestMetrics {
    /// `saga_tracker_consumer_lag`: events on a partition that are not stored yet.
    consumer_lag: Family<PartitionLabel, Gauge>,
    /// `saga_tracker_behind_seconds`: the age of the moment up to which everything is stored, over all instances.
    pub(crate) behind: FloatGauge,
    /// `saga_tracker_ingest_stalled`: whether this instance does not store what is on its partitions.
    pub(crate) stalled: Gauge,
    /// `saga_tracker_batch_size`: events of a stored batch.
    pub(super) batch_size: Histogram,
    /// `saga_tracker_end_to_end_seconds`: from recorded to visible.
    pub(super) end_to_end: Histogram,
    /// `saga_tracker_duplicates_total`: events that came again.
    pub(super) duplicates: Counter,
    producers_ignored: Family<ReasonLabel, Counter>,
    /// `saga_tracker_store_retries_total`: appends that were retried because the database was unavailable.
    pub(crate) store_retries: Counter,
    /// `saga_tracker_kafka_clients_replaced_total`: consumers that stalled.
    pub(crate) clients_replaced: Counter,
    /// `saga_tracker_batches_skipped_total`: batches that could not be read and were skipped.
    pub(crate) batches_skipped: Counter,
}

impl IngestMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        let metrics = Self {
            consumer_lag: declare.empty(
                "saga_tracker_consumer_lag",
                "Events not stored yet, by partition",
            ),
            behind: declare.empty(
                "saga_tracker_behind_seconds",
                "Age of the moment up to which everything in the topic is stored, over all instances",
            ),
            stalled: declare.empty(
                "saga_tracker_ingest_stalled",
                "1 while this instance does not store what is on its partitions",
            ),
            batch_size: declare.metric(
                "saga_tracker_batch_size",
                "Events of a stored batch",
                Histogram::new([1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0]),
            ),
            end_to_end: declare.metric(
                "saga_tracker_end_to_end_seconds",
                "From recorded to visible",
                Histogram::new([0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0]),
            ),
            duplicates: declare.empty(
                "saga_tracker_duplicates",
                "Events that were delivered again and changed nothing",
            ),
            producers_ignored: declare.empty(
                "saga_tracker_producers_ignored",
                "Records whose producer was ignored: its headers are invalid, or there are too many producers",
            ),
            store_retries: declare.empty(
                "saga_tracker_store_retries",
                "Appends retried because the database was unavailable",
            ),
            clients_replaced: declare.empty(
                "saga_tracker_kafka_clients_replaced",
                "Kafka consumers that stalled and were replaced by new ones",
            ),
            batches_skipped: declare.empty(
                "saga_tracker_batches_skipped",
                "Batches that could not be read and were skipped, as ingest.skipUnreadableAfter says",
            ),
        };
        metrics.producers_invalid(0);
        metrics.producers_left_out(0);
        metrics
    }

    /// The lag of each partition of the topic.
    pub(crate) fn lag(&self) -> LagGauges {
        LagGauges::new(&self.consumer_lag, |partition| PartitionLabel { partition })
    }

    /// Records had invalid producer headers.
    pub(crate) fn producers_invalid(&self, records: u64) {
        self.producers_ignored("INVALID", records);
    }

    /// There were more producers than are distinguished.
    pub(crate) fn producers_left_out(&self, records: u64) {
        self.producers_ignored("TOO_MANY", records);
    }

    fn producers_ignored(&self, reason: &'static str, records: u64) {
        self.producers_ignored
            .get_or_create(&ReasonLabel { reason })
            .inc_by(records);
    }
}
