//! Metrics of sagas and their events.

use std::{collections::BTreeSet, sync::Arc, sync::atomic::AtomicI64};

use parking_lot::RwLock;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use saga_types::{SagaStatus, Step, steps};

use super::{
    LostCounters, WatchGauges,
    declare::{Declare, FloatGauge, seconds},
};
use saga_store::Attention;

/// Label `status`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

/// Labels of a processed event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    /// A known step, or `OTHER`.
    step: String,
    status: &'static str,
}

/// Metrics of sagas and their events.
#[derive(Debug)]
pub struct SagaMetrics {
    /// `saga_active_total`: as older dashboards know it.
    active_as_total: Family<StatusLabel, Gauge<i64, AtomicI64>>,
    active: Family<StatusLabel, Gauge<i64, AtomicI64>>,
    /// `saga_failed_total`: sagas that became FAILED.
    pub(super) failed: Counter,
    /// `saga_compensated_total`: sagas that became COMPENSATED.
    pub(super) compensated: Counter,
    /// `saga_compensation_duration_seconds`: from the first failure to the end of compensation.
    pub(super) compensation_duration: Histogram,
    events_processed: Family<StepLabels, Counter>,
    /// `saga_last_failed_timestamp`.
    last_failed: FloatGauge,
    /// What the monitor sees, on the instance that watches.
    pub watch: Arc<WatchGauges>,
    /// How many events never came, as the database says.
    pub lost: Arc<LostCounters>,
    known_steps: RwLock<BTreeSet<String>>,
}

impl SagaMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        let metrics = Self {
            active_as_total: declare.empty(
                "saga_active_total",
                "Sagas by status (as older dashboards know it)",
            ),
            active: declare.empty("saga_active", "Sagas by status"),
            failed: declare.empty("saga_failed", "Sagas that became FAILED"),
            compensated: declare.empty("saga_compensated", "Sagas that became COMPENSATED"),
            compensation_duration: declare.metric(
                "saga_compensation_duration_seconds",
                "From the first failure to the end of compensation",
                Histogram::new([0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0]),
            ),
            events_processed: declare.empty("saga_events_processed", "Events stored, by step and status"),
            last_failed: declare.empty(
                "saga_last_failed_timestamp",
                "When a saga last became FAILED, in seconds since 1970",
            ),
            watch: declare.collector(),
            lost: declare.collector(),
            known_steps: RwLock::default(),
        };
        for status in SagaStatus::ALL {
            metrics.set_active(status, 0);
        }
        metrics
    }

    /// These steps and the built-in ones get a label of their own from now on; those that had one before keep it.
    pub fn know_steps(&self, steps: impl IntoIterator<Item = Step>) {
        let steps = steps::ALL.iter().cloned().chain(steps);
        self.known_steps.write().extend(steps.map(String::from));
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
    pub(super) fn event_processed(&self, step: &Step, status: SagaStatus) {
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
}
