//! A saga as an entry of a list or of the stream: bounded in bytes, whatever its events hold.

use saga_types::fold::SagaState;

/// How many services an entry has; the saga's own resource has all.
const SERVICES: usize = 50;

/// How much of a failure reason an entry has, in characters; a shortened one ends in an ellipsis.
const REASON_CHARS: usize = 500;

/// The state with its first 50 services and the first 500 characters of its failure reason.
#[must_use]
pub fn list_entry(mut state: SagaState) -> SagaState {
    state.services.truncate(SERVICES);
    let reason = state.failure_reason.take().map(shortened);
    state.with_failure_reason(reason)
}

fn shortened(reason: String) -> String {
    match reason.char_indices().nth(REASON_CHARS) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason,
    }
}
