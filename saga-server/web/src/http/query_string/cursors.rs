//! Where the next page begins, as an opaque text. Its first entry is the version and kind, so that a cursor of another
//! endpoint or of another version is refused and never misread.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use saga_types::{EventId, SagaId, Timestamp, fold::Position};
use serde::{Serialize, de::DeserializeOwned};

const REFUSED: &str = "is not a nextCursor of this endpoint";

/// The value of the field sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CursorValue {
    /// A time.
    At(Timestamp),
    /// A length in milliseconds.
    Millis(i64),
}

/// Where the next page of sagas begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SagasCursor {
    /// The order that the pages have, such as `startedAt,desc`.
    pub(crate) sort: String,
    /// The last saga's value of the field sorted by.
    pub(crate) value: CursorValue,
    /// The last saga.
    pub(crate) saga_id: SagaId,
    /// How many sagas came before the next page.
    pub(crate) before: u64,
}

impl SagasCursor {
    const KIND: &str = "sagas1";

    pub(crate) fn encode(&self) -> String {
        encode(&(
            Self::KIND,
            &self.sort,
            match self.value {
                CursorValue::At(moment) => moment.as_millis(),
                CursorValue::Millis(millis) => millis,
            },
            &self.saga_id,
            self.before,
        ))
    }

    pub(crate) fn decode(text: &str) -> Result<Self, String> {
        let (kind, sort, millis, saga_id, before): (String, String, i64, SagaId, u64) = decode(text)?;
        let value = if sort.starts_with("duration,") {
            CursorValue::Millis(millis)
        } else {
            CursorValue::At(Timestamp::from_millis(millis).map_err(|_| REFUSED.to_owned())?)
        };
        if kind == Self::KIND {
            Ok(Self {
                sort,
                value,
                saga_id,
                before,
            })
        } else {
            Err(REFUSED.to_owned())
        }
    }
}

/// Where the next page of a saga's steps begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepsCursor {
    /// The last step.
    pub(crate) after: Position,
}

impl StepsCursor {
    const KIND: &str = "steps1";

    pub(crate) fn encode(&self) -> String {
        encode(&(
            Self::KIND,
            self.after.recorded_at.as_millis(),
            &self.after.event_id,
        ))
    }

    pub(crate) fn decode(text: &str) -> Result<Self, String> {
        let (kind, millis, event_id): (String, i64, EventId) = decode(text)?;
        let recorded_at = Timestamp::from_millis(millis).map_err(|_| REFUSED.to_owned())?;
        if kind == Self::KIND {
            Ok(Self {
                after: Position {
                    recorded_at,
                    event_id,
                },
            })
        } else {
            Err(REFUSED.to_owned())
        }
    }
}

/// Where the next page of dead letters begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LettersCursor {
    /// When the last letter was put on its topic.
    pub(crate) dead_since: Timestamp,
    /// The last letter.
    pub(crate) id: i64,
}

impl LettersCursor {
    const KIND: &str = "letters1";

    pub(crate) fn encode(&self) -> String {
        encode(&(Self::KIND, self.dead_since.as_millis(), self.id))
    }

    pub(crate) fn decode(text: &str) -> Result<Self, String> {
        let (kind, millis, id): (String, i64, i64) = decode(text)?;
        let dead_since = Timestamp::from_millis(millis).map_err(|_| REFUSED.to_owned())?;
        if kind == Self::KIND {
            Ok(Self { dead_since, id })
        } else {
            Err(REFUSED.to_owned())
        }
    }
}

/// Where the next page of the log of operations begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OperationsCursor {
    /// When the last operation was.
    pub(crate) at: Timestamp,
    /// The last operation.
    pub(crate) id: i64,
}

impl OperationsCursor {
    const KIND: &str = "operations1";

    pub(crate) fn encode(&self) -> String {
        encode(&(Self::KIND, self.at.as_millis(), self.id))
    }

    pub(crate) fn decode(text: &str) -> Result<Self, String> {
        let (kind, millis, id): (String, i64, i64) = decode(text)?;
        let at = Timestamp::from_millis(millis).map_err(|_| REFUSED.to_owned())?;
        if kind == Self::KIND {
            Ok(Self { at, id })
        } else {
            Err(REFUSED.to_owned())
        }
    }
}

/// Where the next page of jobs begins, or of the items of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobsCursor {
    /// The last job, or the number of the last item.
    pub(crate) after: i64,
}

impl JobsCursor {
    const KIND: &str = "jobs1";

    pub(crate) fn encode(&self) -> String {
        encode(&(Self::KIND, self.after))
    }

    pub(crate) fn decode(text: &str) -> Result<Self, String> {
        let (kind, after): (String, i64) = decode(text)?;
        if kind == Self::KIND {
            Ok(Self { after })
        } else {
            Err(REFUSED.to_owned())
        }
    }
}

/// Where the next page of services begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProducersCursor {
    /// The last service.
    pub(crate) after: String,
}

impl ProducersCursor {
    const KIND: &str = "producers1";

    pub(crate) fn encode(&self) -> String {
        encode(&(Self::KIND, &self.after))
    }

    pub(crate) fn decode(text: &str) -> Result<Self, String> {
        let (kind, after): (String, String) = decode(text)?;
        if kind == Self::KIND {
            Ok(Self { after })
        } else {
            Err(REFUSED.to_owned())
        }
    }
}

/// Where an erasure continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ErasureCursor {
    /// Sagas of the database, after this id.
    Sagas(String),
    /// Batches of the archive, after this folder.
    Archive(String),
    /// Dead letters, after this one.
    Letters(i64),
    /// What operators wrote of jobs, after the job with this id.
    Jobs(i64),
    /// Of acknowledgements, after this one.
    Acknowledgements(i64),
    /// Saved views, after this one.
    Views(String),
}

impl ErasureCursor {
    const KIND: &str = "erasure1";

    pub(crate) fn encode(&self) -> String {
        let (part, text, number) = match self {
            Self::Sagas(after) => ("sagas", after.as_str(), 0),
            Self::Archive(after) => ("archive", after.as_str(), 0),
            Self::Letters(after) => ("letters", "", *after),
            Self::Jobs(after) => ("jobs", "", *after),
            Self::Acknowledgements(after) => ("acknowledgements", "", *after),
            Self::Views(after) => ("views", after.as_str(), 0),
        };
        encode(&(Self::KIND, part, text, number))
    }

    pub(crate) fn decode(text: &str) -> Result<Self, String> {
        let (kind, part, text, number): (String, String, String, i64) = decode(text)?;
        match (kind.as_str(), part.as_str()) {
            // A database takes no U+0000.
            _ if text.contains('\0') => Err(REFUSED.to_owned()),
            (Self::KIND, "sagas") => Ok(Self::Sagas(text)),
            (Self::KIND, "archive") => Ok(Self::Archive(text)),
            (Self::KIND, "letters") => Ok(Self::Letters(number)),
            (Self::KIND, "jobs") => Ok(Self::Jobs(number)),
            (Self::KIND, "acknowledgements") => Ok(Self::Acknowledgements(number)),
            (Self::KIND, "views") => Ok(Self::Views(text)),
            _ => Err(REFUSED.to_owned()),
        }
    }
}

fn encode(parts: &impl Serialize) -> String {
    // Texts and numbers can always be written.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(parts).unwrap_or_default())
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| REFUSED.to_owned())?;
    serde_json::from_slice(&bytes).map_err(|_| REFUSED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_but_not_by_another_endpoint() {
        let cursor = SagasCursor {
            sort: "startedAt,desc".to_owned(),
            value: CursorValue::At(Timestamp::MIN),
            saga_id: "주문/1".parse().unwrap(),
            before: 40,
        };
        assert_eq!(SagasCursor::decode(&cursor.encode()), Ok(cursor.clone()));
        assert!(StepsCursor::decode(&cursor.encode()).is_err());
    }

    #[test]
    fn an_erasure_goes_on_where_it_was() {
        for cursor in [
            ErasureCursor::Sagas("주문/1".to_owned()),
            ErasureCursor::Archive(String::new()),
            ErasureCursor::Letters(i64::MAX),
            ErasureCursor::Jobs(0),
            ErasureCursor::Acknowledgements(7),
            ErasureCursor::Views("환불 실패".to_owned()),
        ] {
            assert_eq!(ErasureCursor::decode(&cursor.encode()), Ok(cursor));
        }
        let nul = encode(&(ErasureCursor::KIND, "sagas", "a\0b", 0));
        assert!(ErasureCursor::decode(&nul).is_err());
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["x", "====", "bm8", "WzFd"] {
            assert!(SagasCursor::decode(text).is_err(), "{text}");
        }
    }
}
