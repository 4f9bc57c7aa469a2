//! Metrics of jobs.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use saga_store::{DoneItem, JobAction, JobActivity};
use saga_types::Timestamp;

use super::declare::{Declare, FloatGauge, seconds};

/// Metrics of jobs.
#[derive(Debug)]
pub struct JobMetrics {
    /// `saga_tracker_job_items_total`.
    items: Family<ItemLabels, Counter>,
    /// `saga_tracker_jobs_active`.
    active: Gauge,
    /// `saga_tracker_jobs_idle_seconds`.
    idle: FloatGauge,
}

/// Labels `action` and `result`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ItemLabels {
    /// What the job does, such as `CORRECT`.
    action: &'static str,
    /// What became of the item, such as `CHANGED`.
    result: &'static str,
}

impl JobMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        Self {
            items: declare.empty(
                "saga_tracker_job_items",
                "Items of jobs that this collector has done",
            ),
            active: declare.empty("saga_tracker_jobs_active", "Jobs that have not ended"),
            idle: declare.empty(
                "saga_tracker_jobs_idle_seconds",
                "Longest time since an unfinished job last made progress; 0 without one",
            ),
        }
    }

    /// Items have results.
    pub(crate) fn done(&self, action: JobAction, items: &[DoneItem]) {
        for item in items {
            let labels = ItemLabels {
                action: action.as_str(),
                result: item.result.as_str(),
            };
            self.items.get_or_create(&labels).inc();
        }
    }

    /// The jobs that have not ended, as the database says.
    pub fn set_active(&self, jobs: &JobActivity, now: Timestamp) {
        let idle = jobs.idlest.map(|(_, since)| now.millis_since(since));
        self.active.set(i64::try_from(jobs.active).unwrap_or(i64::MAX));
        self.idle.set(seconds(idle.unwrap_or(0).max(0)));
    }
}
