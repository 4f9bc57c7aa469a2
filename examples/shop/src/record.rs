//! When the tracker cannot take a step.

use std::sync::Arc;

use saga_sdk::{ContextError, NoOpClient, RecordError, Saga, SagaTrackerClient, SagaType};

/// Logs that a step was not recorded. The order goes on: a tracker must never break what it tracks.
pub fn not_recorded(error: RecordError) {
    tracing::warn!(%error, "a step was not recorded");
}

/// A saga that records nothing, for an event whose headers name none: it comes from a service that is not tracked.
#[must_use]
pub fn untracked(error: ContextError) -> Saga {
    tracing::debug!(%error, "an event belongs to no saga");
    let nothing: Arc<dyn SagaTrackerClient> = Arc::new(NoOpClient);
    nothing.order("").saga(SagaType::ORDER_CREATION, "")
}
