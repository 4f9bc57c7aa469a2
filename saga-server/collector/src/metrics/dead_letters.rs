//! Metrics of dead letters.

use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};

use super::{ReasonLabel, declare::Declare};

/// Metrics of dead letters.
#[derive(Debug)]
pub struct DeadLetterMetrics {
    /// `saga_tracker_dead_letters_total`.
    written: Family<ReasonLabel, Counter>,
    /// `saga_tracker_dead_letters_kept_back_total`: dead letters that their topic did not take, kept in the database only.
    pub(crate) kept_back: Counter,
    /// `saga_tracker_dead_letters_replayed_total`: events that came into the store by a replay.
    pub(crate) replayed: Counter,
    /// `saga_tracker_dead_letters_waiting`.
    waiting: Gauge,
    /// `saga_tracker_dead_letters_stored`.
    stored: Gauge,
}

impl DeadLetterMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        Self {
            written: declare.empty(
                "saga_tracker_dead_letters",
                "Events put into the dead letter topic, by reason",
            ),
            kept_back: declare.empty(
                "saga_tracker_dead_letters_kept_back",
                "Dead letters that their topic did not accept, kept in the database only",
            ),
            replayed: declare.empty("saga_tracker_dead_letters_replayed", "Events stored by a replay"),
            waiting: declare.empty(
                "saga_tracker_dead_letters_waiting",
                "Dead letters that wait to be replayed",
            ),
            stored: declare.empty("saga_tracker_dead_letters_stored", "Dead letters in the database"),
        }
    }

    /// An event went to the dead letter topic.
    pub(crate) fn written(&self, reason: &'static str) {
        self.written.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// How many dead letters wait, over all instances, as the database says.
    pub fn set_waiting(&self, waiting: u64) {
        self.waiting.set(waiting.cast_signed());
    }

    /// The same, as it was set last.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.get().cast_unsigned()
    }

    /// How many dead letters are in the database.
    pub fn set_stored(&self, stored: u64) {
        self.stored.set(stored.cast_signed());
    }
}
