//! How maintenance is configured: when sagas and events are late, and how long sagas stay.

use std::time::Duration;

use crate::archive::ArchiveUrl;

/// When sagas are late, beside the limits of their definitions, and when events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchConfig {
    /// How long a failed saga may wait for its compensation.
    pub compensation_overdue_after: Duration,
    /// How long an event of a producer may be missing until it is possibly lost.
    pub events_lost_after: Duration,
}

/// How long rows stay in the database, and where sagas go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How long rows stay.
    pub periods: RetentionPeriods,
    /// Where sagas go; nowhere without one.
    pub archive: Option<ArchiveUrl>,
}

/// How long rows stay in the database; without limit where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionPeriods {
    /// A saga that has ended, after its last event.
    pub ended: Option<Duration>,
    /// A saga that has not ended, after its last event.
    pub unfinished: Option<Duration>,
    /// A dead letter, after it was put on its topic.
    pub dead_letters: Option<Duration>,
    /// An entry of the log of operations.
    pub operations: Option<Duration>,
}

impl RetentionPeriods {
    /// Those of sagas alone.
    #[must_use]
    pub fn of_sagas(self) -> Self {
        Self {
            dead_letters: None,
            operations: None,
            ..self
        }
    }

    /// Whether nothing is removed.
    #[must_use]
    pub fn are_endless(self) -> bool {
        self == Self::default()
    }
}
