//! One change, in the form in which all clients get it.

use bytes::Bytes;
use saga_types::fold::SagaState;
use serde_json::json;

use crate::list_entry::list_entry;

/// What clients are sent.
#[derive(Debug)]
pub enum Change {
    /// A saga is like this now.
    Saga {
        /// Its state.
        state: Box<SagaState>,
        /// The event as it is sent.
        frame: Bytes,
    },
    /// More changed than is sent.
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
        // With an id a browser says when it reconnects that it was there before; nothing is looked up by it.
        let id = uuid::Uuid::now_v7().simple();
        // States can always be written, and JSON in this form has no line breaks.
        let data = serde_json::to_string(&list_entry(state.clone())).unwrap_or_default();
        Self::Saga {
            frame: format!("id: {id}\nevent: saga\ndata: {data}\n\n").into(),
            // Clients are also chosen by services that are not sent.
            state: Box::new(state),
        }
    }
}

impl Reset {
    /// The event as it is sent.
    pub fn frame(self) -> Bytes {
        let (reason, message) = match self {
            Self::Many => ("MANY", "more sagas changed than can be sent one by one"),
            Self::TooSlow => ("TOO_SLOW", "you took the events more slowly than they came"),
            Self::Resumed => (
                "RESUMED",
                "changes made while you were disconnected are not replayed",
            ),
        };
        let message = format!("{message}; load what you show once more, the stream goes on from here");
        let data = json!({"reason": reason, "message": message});
        format!("event: reset\ndata: {data}\n\n").into()
    }
}

#[cfg(test)]
mod tests {
    use saga_types::{Metadata, SagaEvent, SagaStatus, Timestamp, definition::Definitions, fold, steps};

    use super::*;
    use crate::test_events::event;

    #[test]
    fn what_is_sent_of_a_saga_is_bounded_whatever_its_events_hold() {
        let events: Vec<SagaEvent> = (0..200)
            .map(|number| {
                let metadata = format!(
                    r#"{{"producerService":"service-{number}","failureReason":"{}"}}"#,
                    "x".repeat(30_000)
                );
                event(
                    "saga-1",
                    &format!("event-{number}"),
                    steps::PAYMENT_FAILED,
                    SagaStatus::Failed,
                    Timestamp::from_millis(1_760_000_000_000 + number).unwrap(),
                )
                .with_metadata(Metadata::parse(metadata).unwrap())
            })
            .collect();
        let state = fold::fold(&events, &Definitions::built_in()).unwrap();
        let Change::Saga { state, frame } = Change::of(state) else {
            panic!("a saga");
        };
        assert!(frame.len() < 8_000, "{} bytes", frame.len());
        assert_eq!(state.services.len(), 200, "clients are chosen by all of them");
    }
}
