//! Metrics of retention.

use prometheus_client::metrics::counter::Counter;
use saga_types::Timestamp;

use super::declare::{Declare, FloatGauge, seconds};

/// Metrics of retention.
#[derive(Debug)]
pub struct RetentionMetrics {
    /// `saga_tracker_retention_removed_total`: sagas that left the database.
    removed: Counter,
    /// `saga_tracker_retention_archived_total`: those of them that are in the archive.
    archived: Counter,
    /// `saga_tracker_retention_dead_letters_removed_total`: dead letters that left the database.
    pub(crate) dead_letters_removed: Counter,
    /// `saga_tracker_retention_failures_total`: runs that ended with an error.
    pub(crate) failures: Counter,
    /// `saga_tracker_retention_last_success_timestamp`.
    last_success: FloatGauge,
}

impl RetentionMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        Self {
            removed: declare.empty(
                "saga_tracker_retention_removed",
                "Sagas that left the database at the end of their retention period",
            ),
            archived: declare.empty(
                "saga_tracker_retention_archived",
                "Sagas that were archived before they left the database",
            ),
            dead_letters_removed: declare.empty(
                "saga_tracker_retention_dead_letters_removed",
                "Dead letters that left the database at the end of their retention period",
            ),
            failures: declare.empty("saga_tracker_retention_failures", "Retention runs that failed"),
            last_success: declare.empty(
                "saga_tracker_retention_last_success_timestamp",
                "When retention last ran to its end, in seconds since 1970",
            ),
        }
    }

    /// Retention ran to its end.
    pub(crate) fn ran(&self, removed: u64, archived: u64) {
        self.removed.inc_by(removed);
        self.archived.inc_by(archived);
        self.last_success.set(seconds(Timestamp::now().as_millis()));
    }
}
