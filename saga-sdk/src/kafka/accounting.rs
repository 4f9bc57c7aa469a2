//! The counters of one client, and its throttled log lines.

use std::fmt::Display;

use crate::{DropReason, log_throttle::LogThrottle, stats::Counters, thread_locals};

/// Outlives the producers that a client may have, one after the other.
#[derive(Default)]
pub(super) struct Accounting {
    pub(super) counters: Counters,
    drops: [LogThrottle; DropReason::ALL.len()],
    errors: LogThrottle,
}

impl Accounting {
    /// Counts a dropped event, and logs at a bounded rate.
    pub(super) fn drop_event(&self, reason: DropReason, cause: &dyn Display) {
        self.counters.drop_for(reason);
        if let Some(events) = self.drops[reason as usize].count() {
            thread_locals::read(|| {
                tracing::warn!(events, reason = reason.as_str(), %cause, "saga events dropped");
            });
        }
    }

    /// Logs an error of the Kafka client at a bounded rate.
    pub(super) fn log_throttled(&self, cause: &dyn Display) {
        if let Some(occurrences) = self.errors.count() {
            tracing::warn!(occurrences, %cause, "Kafka client of the saga tracker reports an error");
        } else {
            tracing::debug!(%cause, "Kafka client of the saga tracker reports another error");
        }
    }
}
