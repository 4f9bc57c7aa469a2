//! Why a record is no event that can be stored.

use crate::kafka::record::Unreadable;
use saga_types::{SagaEvent, avro::DecodeError, keys};

/// Why a record goes to the dead letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// A name from a small set, such as `INVALID_NAME`.
    pub(crate) kind: &'static str,
    /// The reason in words.
    pub(crate) reason: String,
}

impl Rejection {
    /// The event's id is known with other content.
    pub(crate) fn conflict(event: &SagaEvent) -> Self {
        Self {
            kind: "CONFLICTING_EVENT",
            reason: format!(
                "event {} of saga {} is already known with other content",
                event.event_id, event.saga_id
            ),
        }
    }

    /// The saga is not there any more.
    pub(crate) fn removed(event: &SagaEvent) -> Self {
        Self {
            kind: "SAGA_REMOVED",
            reason: format!(
                "event {} comes too late: saga {} left the database at the end of its retention period",
                event.event_id, event.saga_id
            ),
        }
    }

    /// The client could not read a batch, and an operator's setting says that it is skipped.
    pub(crate) fn unreadable(first: i64, unreadable: &Unreadable) -> Self {
        Self {
            kind: "UNREADABLE_BATCH",
            reason: format!(
                "offsets {first} to {} could not be read and were skipped: {}",
                unreadable.end - 1,
                unreadable.reason
            ),
        }
    }

    /// An override has the mark of an operator's correction, which none that comes by the topic is.
    pub(crate) fn forged(event: &SagaEvent) -> Self {
        Self {
            kind: "FORGED_CORRECTION",
            reason: format!(
                "event {} of saga {} has the metadata key {}, which only a correction of the tracker has",
                event.event_id,
                event.saga_id,
                keys::CORRECTED_VIA
            ),
        }
    }

    /// It is recorded so late that a correction could not be later.
    pub(crate) fn at_the_end_of_time(event: &SagaEvent) -> Self {
        Self {
            kind: "INVALID_TIMESTAMP",
            reason: format!(
                "event {} of saga {} is recorded at {}, on the last day of all time, which is kept for corrections",
                event.event_id, event.saga_id, event.recorded_at
            ),
        }
    }

    /// The collector panicked when it read the record.
    pub(crate) fn not_understood(reason: String) -> Self {
        Self {
            kind: "NOT_UNDERSTOOD",
            reason,
        }
    }

    /// The database did not say within the time of a replay whether it takes the event, and takes others.
    pub(crate) fn no_answer(reason: String) -> Self {
        Self {
            kind: "NO_ANSWER",
            reason,
        }
    }

    /// The letters before it took all the time of a replay.
    pub(crate) fn not_tried() -> Self {
        Self {
            kind: "NOT_TRIED",
            reason: "letters before it took all the time that a replay has; replay it again".to_owned(),
        }
    }

    /// A record of a source is not what its format says.
    pub(crate) fn not_the_format(reason: String) -> Self {
        Self {
            kind: "NOT_THE_FORMAT",
            reason,
        }
    }

    /// A rule of a source's mapping takes the record, and cannot make an event of it.
    pub(crate) fn refused_by_mapping(reason: String) -> Self {
        Self {
            kind: "REFUSED_BY_MAPPING",
            reason,
        }
    }

    /// The topic does not take the event that a source's record became.
    pub(crate) fn too_large(reason: String) -> Self {
        Self {
            kind: "EVENT_TOO_LARGE",
            reason,
        }
    }

    /// The database does not take the event.
    pub(crate) fn refused(reason: String) -> Self {
        Self {
            kind: "REFUSED_BY_DATABASE",
            reason,
        }
    }
}

impl From<DecodeError> for Rejection {
    fn from(error: DecodeError) -> Self {
        Self {
            kind: error.kind(),
            reason: error.to_string(),
        }
    }
}
