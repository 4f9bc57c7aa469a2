//! When the tracker cannot take a step.

use saga_sdk::RecordError;

/// Logs that a step was not recorded. The order goes on: a tracker must never break what it tracks.
pub fn not_recorded(error: RecordError) {
    tracing::warn!(%error, "a step was not recorded");
}
