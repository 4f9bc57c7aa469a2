//! The accounts of one client, and what is said of them now and then.

use std::fmt::Display;

use crate::{DropReason, report::Limiter, stats::Counters};

/// Outlives the producers that a client may have one after the other.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) counters: Counters,
    drops: [Limiter; DropReason::ALL.len()],
    troubles: Limiter,
}

impl Ledger {
    /// Counts a dropped event, and says so now and then.
    pub(super) fn drop_event(&self, reason: DropReason, cause: &dyn Display) {
        self.counters.drop_for(reason);
        if let Some(events) = self.drops[reason as usize].count() {
            tracing::warn!(events, reason = reason.as_str(), %cause, "saga events were dropped");
        }
    }

    /// Says now and then that the Kafka client has trouble.
    pub(super) fn say(&self, cause: &dyn Display) {
        if let Some(occurrences) = self.troubles.count() {
            tracing::warn!(occurrences, %cause, "the saga tracker's Kafka client has trouble");
        } else {
            tracing::debug!(%cause, "the saga tracker's Kafka client has trouble, too");
        }
    }
}
