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

/// How long sagas stay in the database, and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How long after its last event a saga goes that has ended; none when it stays for ever.
    pub after: Option<Duration>,
    /// Where it goes; nowhere without one.
    pub archive: Option<ArchiveUrl>,
}
