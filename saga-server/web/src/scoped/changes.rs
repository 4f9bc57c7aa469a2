//! Sagas as they change, of the types that a caller may see.

use saga_collector::live::{Change, Reset, Subscription};
use saga_store::Scope;
use saga_types::fold::SagaState;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::Reader;

/// One client's view. The collector reads a saga once for all clients, so each leaves out what its caller may not see.
pub(crate) struct ScopedChanges {
    subscription: Subscription,
    scope: Scope,
}

/// What a client is sent.
pub(crate) enum Seen {
    /// A saga is like this now: the event as it is sent.
    Frame(axum::body::Bytes),
    /// Changes were left out.
    Reset(Reset),
}

impl Reader {
    /// A view of everything from now on. None when there are too many clients.
    pub(crate) fn changes(&self) -> Option<ScopedChanges> {
        Some(ScopedChanges {
            subscription: self.sources.live.subscribe()?,
            scope: self.scope().clone(),
        })
    }
}

impl ScopedChanges {
    /// Cancelled when the collector ends.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.subscription.stop.clone()
    }

    /// The next change of a saga that matches; none at the end.
    pub(crate) async fn next(&mut self, matches: impl Fn(&SagaState) -> bool) -> Option<Seen> {
        loop {
            match self.subscription.changes.recv().await.as_deref() {
                Ok(Change::Saga { state, frame }) if self.scope.has(&state.saga_type) && matches(state) => {
                    return Some(Seen::Frame(frame.clone()));
                }
                Ok(Change::Saga { .. }) => {}
                Ok(Change::Reset(reset)) => return Some(Seen::Reset(*reset)),
                Err(RecvError::Lagged(_)) => return Some(Seen::Reset(Reset::TooSlow)),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
