//! One change, in the form in which all clients get it.

use bytes::Bytes;
use saga_types::fold::SagaState;
use serde_json::json;

/// What clients are told.
#[derive(Debug)]
pub enum Change {
    /// A saga is like this now.
    Saga {
        /// Its state.
        state: Box<SagaState>,
        /// The event as it is sent.
        frame: Bytes,
    },
    /// More changed than is told.
    Reset(Reset),
}

/// Why a client must load again what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// So much changed at once.
    Many,
    /// The client did not take what was sent.
    TooSlow,
    /// The client was there before, and nothing was kept for it.
    Resumed,
}

impl Change {
    pub(super) fn of(state: SagaState) -> Self {
        // Ids of events make browsers say that they were there before; there is nothing to find by them.
        let id = uuid::Uuid::now_v7().simple();
        // States can always be written, and JSON in this form has no line breaks.
        let data = serde_json::to_string(&state).unwrap_or_default();
        Self::Saga {
            frame: format!("id: {id}\nevent: saga\ndata: {data}\n\n").into(),
            state: Box::new(state),
        }
    }
}

impl Reset {
    /// The event as it is sent.
    pub fn frame(self) -> Bytes {
        let (reason, message) = match self {
            Self::Many => ("MANY", "more sagas changed than can be told one by one"),
            Self::TooSlow => ("TOO_SLOW", "you took the events more slowly than they came"),
            Self::Resumed => ("RESUMED", "what changed while you were away was not kept for you"),
        };
        let message = format!("{message}; load what you show once more, the stream goes on from here");
        let data = json!({"reason": reason, "message": message});
        format!("event: reset\ndata: {data}\n\n").into()
    }
}
