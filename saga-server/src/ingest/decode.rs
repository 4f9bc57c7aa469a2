//! Raw records to events; what is no event is told why.

use saga_types::{SagaEvent, avro};

use super::batch::RawRecord;

/// Why a record goes to the dead letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejection {
    /// A name from a small set, such as `INVALID_NAME`.
    pub(super) kind: &'static str,
    /// The reason in words.
    pub(super) reason: String,
}

impl Rejection {
    /// The event's id is known with other content.
    pub(super) fn conflict(event: &SagaEvent) -> Self {
        Self {
            kind: "CONFLICTING_EVENT",
            reason: format!(
                "event {} of saga {} is already known with other content",
                event.event_id, event.saga_id
            ),
        }
    }

    /// The database does not take the event.
    pub(super) fn refused(reason: String) -> Self {
        Self { kind: "REFUSED_BY_DATABASE", reason }
    }
}

/// Reads one record.
pub(super) fn decode(record: &RawRecord) -> Result<SagaEvent, Rejection> {
    let value = record.value().unwrap_or_default();
    avro::decode_single_object(value)
        .map_err(|error| Rejection { kind: error.kind(), reason: error.to_string() })
}
