//! Waits of any length, also of one that no clock and no database can add to the present.

use std::time::Duration;
#[cfg(feature = "kafka")]
use std::time::Instant;

/// As good as no limit: a century.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The end of a wait that begins now.
#[cfg(feature = "kafka")]
pub(crate) fn deadline(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(LONGEST_WAIT)
}
