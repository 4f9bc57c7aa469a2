//! The port for erasing a person's data: by a key of the metadata and its value, from steps, sagas, dead letters and the markers
//! of archived sagas.
//!
//! Rule of thumb: a saga is erased whole, in one transaction with the entries of the log of operations, so that whatever is
//! killed, a saga either has all of its metadata or none, and what is left to be done is found again by the same question.

use async_trait::async_trait;
use saga_types::{Metadata, Timestamp, keys, steps};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    Actor, StoreError, StoredLetter,
    json::{Json, significant_digits},
    metadata,
};

/// The part of a store that erases a person's data.
#[async_trait]
pub trait ErasureStore {
    /// Sagas with an event in whose metadata the value is, by their ids, after one of them; the empty text begins.
    async fn sagas_with(
        &self,
        value: &MetadataValue,
        after: &str,
        limit: u32,
    ) -> Result<Vec<AffectedSaga>, StoreError>;

    /// Takes the metadata out of all events of these sagas, and whatever the sagas have from it, and writes an entry of the log
    /// for each, in one transaction. Sagas that are not there any more are left out.
    async fn erase_sagas(&self, saga_ids: &[String], erasure: &Erasure) -> Result<Erased, StoreError>;

    /// When metadata of a saga in the database was erased last.
    async fn erased_at(&self, saga_id: &str) -> Result<Option<Timestamp>, StoreError>;

    /// Dead letters that were not erased, by their ids, after one of them.
    async fn erasable_letters(
        &self,
        value: &MetadataValue,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ErasableLetter>, StoreError>;

    /// Takes everything out of these dead letters but their reason, their place and their saga, and writes an entry of the log
    /// for each, in one transaction; how many there were. One that waited is dismissed, since it cannot be replayed any more.
    async fn erase_letters(&self, ids: &[i64], erasure: &Erasure) -> Result<u64, StoreError>;

    /// Notes that events of these sagas, which left the database, were erased from the archive, and writes an entry of the log
    /// for each that was not noted yet; how many.
    async fn note_archive_erased(&self, sagas: &[ErasedSaga], erasure: &Erasure) -> Result<u64, StoreError>;

    /// Notes that events were erased before they were stored here, as those of an archive are.
    async fn mark_erased(&self, events: &[ErasedEvent]) -> Result<(), StoreError>;
}

/// An erasure, as the log says it: never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub actor: Actor,
    /// The key of the metadata.
    pub key: String,
}

/// A saga with metadata that is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffectedSaga {
    /// Its id.
    pub saga_id: String,
    /// How many events it has.
    pub events: u64,
}

/// A saga of which something was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedSaga {
    /// Its id.
    pub saga_id: String,
    /// Its type.
    pub saga_type: String,
    /// How many events lost their metadata.
    pub events: u64,
}

/// An event whose metadata was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedEvent {
    /// Its saga.
    pub saga_id: String,
    /// Its id.
    pub event_id: String,
    /// When.
    pub at: Timestamp,
}

/// How much was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// How many sagas.
    pub sagas: u64,
    /// How many of their events lost metadata.
    pub events: u64,
}

/// A dead letter that may hold a person's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasableLetter {
    /// The letter.
    pub stored: StoredLetter,
    /// Whether its saga has the value in its metadata, or had, and was erased after the letter had come.
    pub is_of_saga: bool,
}

/// A key at the top of metadata, and its value as text.
#[derive(Clone, PartialEq, Eq)]
pub struct MetadataValue {
    key: String,
    value: String,
}

/// Why metadata cannot be erased by a key and value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataValueError {
    /// The key is empty, too long, or has control characters.
    #[error(
        "the key must have 1 to {} characters, none of them a control character",
        MetadataValue::MAX_KEY_CHARS
    )]
    Key,
    /// The key names a service, a trace or a saga, which are never erased.
    #[error("{0} names no person and is never erased; another key is needed")]
    Kept(&'static str),
    /// The value is empty: it would be everybody's.
    #[error("the value must not be empty")]
    Empty,
    /// The value is too long.
    #[error(
        "the value has {chars} characters, at most {} are allowed",
        MetadataValue::MAX_VALUE_CHARS
    )]
    TooLong {
        /// How many it has.
        chars: usize,
    },
    /// No metadata has this.
    #[error("the value must not hold U+0000")]
    Nul,
}

/// What names services, traces and sagas and drives the fold. It stays, as far as it is a name.
const KEPT: [&str; 4] = [
    keys::PRODUCER_SERVICE,
    keys::TRACE_ID,
    keys::SERVICE_VERSION,
    keys::PARENT_SAGA_ID,
];

/// What stays of an operator's correction beside it.
const KEPT_OF_CORRECTION: [&str; 2] = [keys::ACTOR, keys::CORRECTED_VIA];

impl MetadataValue {
    /// The longest key, in characters.
    pub const MAX_KEY_CHARS: usize = 250;

    /// The longest value, in characters.
    pub const MAX_VALUE_CHARS: usize = 1_000;

    /// Checks both.
    ///
    /// # Errors
    ///
    /// [`MetadataValueError`] when one of them can be in no metadata, or must not be erased by.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Result<Self, MetadataValueError> {
        let (key, value) = (key.into(), value.into());
        Self::check_key(&key)?;
        Self::check_value(&value)?;
        Ok(Self { key, value })
    }

    /// Checks a key.
    ///
    /// # Errors
    ///
    /// [`MetadataValueError`] when it cannot be erased by.
    pub fn check_key(key: &str) -> Result<(), MetadataValueError> {
        let chars = key.chars().count();
        if chars == 0 || chars > Self::MAX_KEY_CHARS || key.chars().any(char::is_control) {
            return Err(MetadataValueError::Key);
        }
        let kept = KEPT.into_iter().chain(KEPT_OF_CORRECTION);
        match kept.chain([keys::METADATA_ERASED_AT]).find(|kept| *kept == key) {
            Some(kept) => Err(MetadataValueError::Kept(kept)),
            None => Ok(()),
        }
    }

    /// Checks a value.
    ///
    /// # Errors
    ///
    /// [`MetadataValueError`] when it cannot be erased.
    pub fn check_value(value: &str) -> Result<(), MetadataValueError> {
        let chars = value.chars().count();
        if value.is_empty() {
            Err(MetadataValueError::Empty)
        } else if chars > Self::MAX_VALUE_CHARS {
            Err(MetadataValueError::TooLong { chars })
        } else if value.contains('\0') {
            Err(MetadataValueError::Nul)
        } else {
            Ok(())
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether metadata has the value at its top, as a text, or as a number or boolean that is written so.
    #[must_use]
    pub fn is_in(&self, metadata: &Metadata) -> bool {
        let Ok(Json::Object(entries)) = Json::at(metadata.as_str(), 0) else {
            return false;
        };
        let mut values = entries.iter().filter(|(key, _)| *key == self.key);
        values.any(|(_, value)| self.is_written(value))
    }

    /// Whether a JSON text says the value.
    fn is_written(&self, text: &str) -> bool {
        match (Json::at(text, 1), metadata::scalar(&self.value)) {
            (Ok(Json::Text(text)), _) => text == self.value,
            (Ok(Json::Plain(plain)), Some(Value::Bool(_))) => plain == self.value,
            (Ok(Json::Plain(plain)), Some(Value::Number(_))) => {
                let double = |number: &str| number.parse::<f64>().ok();
                let is_same_double = double(plain).is_some_and(|found| Some(found) == double(&self.value));
                is_same_double && significant_digits(plain) == significant_digits(&self.value)
            }
            _ => false,
        }
    }
}

/// Without the value, which must not come into a log.
impl std::fmt::Debug for MetadataValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("MetadataValue")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// What is left of the metadata of a step when a person's data is erased: the names of systems, who corrected a status, and when
/// it was erased. None when even that cannot be written, which would take a name that no metadata can have.
#[must_use]
pub fn without_personal_data(step: &str, metadata: &Metadata, at: Timestamp) -> Option<Metadata> {
    let names = [
        metadata.producer_service(),
        metadata.trace_id(),
        metadata.service_version(),
        metadata.parent_saga_id(),
    ];
    let names = KEPT.into_iter().zip(names);
    let mut left: Map<String, Value> = names
        .filter_map(|(key, name)| Some((key.to_owned(), name?.into())))
        .collect();
    if step == steps::MANUAL_STATUS_OVERRIDE.as_str() && metadata.corrected_via().is_some() {
        let mut all = metadata.to_object();
        let kept = KEPT_OF_CORRECTION.into_iter();
        left.extend(kept.filter_map(|key| Some((key.to_owned(), all.remove(key)?))));
    }
    left.insert(keys::METADATA_ERASED_AT.to_owned(), at.to_string().into());
    Metadata::from_object(&left).ok()
}

/// When the metadata of an event was erased, by what is left of it.
#[must_use]
pub fn erased_at(metadata: &Metadata) -> Option<Timestamp> {
    let left = metadata.to_object();
    left.get(keys::METADATA_ERASED_AT)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(text: &str) -> Metadata {
        Metadata::parse(text).unwrap()
    }

    fn at() -> Timestamp {
        "2026-11-29T10:00:00Z".parse().unwrap()
    }

    fn left(step: &str, text: &str) -> String {
        let left = without_personal_data(step, &metadata(text), at()).unwrap();
        left.to_object().keys().cloned().collect::<Vec<_>>().join(",")
    }

    #[test]
    fn names_of_systems_stay_and_everything_else_leaves() {
        let text = r#"{"producerService":"order","traceId":"t","serviceVersion":"1","parentSagaId":"p","spanId":"s",
            "failureReason":"C-17 has no money","customerId":"C-17","actor":"x","correctedVia":"y"}"#;
        let kept = "metadataErasedAt,parentSagaId,producerService,serviceVersion,traceId";
        assert_eq!(left("PAYMENT_FAILED", text), kept);
        assert_eq!(
            left("ORDER_CREATED", r#"{"customerId":"C-17"}"#),
            "metadataErasedAt"
        );
        let erased = without_personal_data("ORDER_CREATED", &metadata(text), at()).unwrap();
        assert_eq!(erased_at(&erased), Some(at()));
        assert_eq!(erased_at(&metadata(text)), None);
    }

    #[test]
    fn what_is_no_name_is_not_kept_under_the_key_of_one() {
        let long = "C-17 ".repeat(30);
        let text = format!(r#"{{"producerService":"{long}","traceId":{{"customer":"C-17"}}}}"#);
        assert_eq!(left("ORDER_CREATED", &text), "metadataErasedAt");
    }

    #[test]
    fn who_corrected_a_status_stays_and_why_does_not() {
        let text =
            r#"{"actor":"dana","correctedVia":"REST","reason":"C-17 called","failureReason":"C-17 called"}"#;
        assert_eq!(
            left("MANUAL_STATUS_OVERRIDE", text),
            "actor,correctedVia,metadataErasedAt"
        );
        let by_topic = r#"{"actor":"C-17","reason":"C-17 called"}"#;
        assert_eq!(left("MANUAL_STATUS_OVERRIDE", by_topic), "metadataErasedAt");
    }

    #[test]
    fn a_value_is_found_as_text_number_or_boolean_and_nowhere_else() {
        let is_in = |value: &str, text: &str| MetadataValue::new("id", value).unwrap().is_in(&metadata(text));
        assert!(is_in("C-17", r#"{"id":"C-17"}"#));
        assert!(
            is_in("17", r#"{"id":17}"#) && is_in("17", r#"{"id":"17"}"#) && is_in("1.70", r#"{"id":1.7}"#)
        );
        assert!(is_in("true", r#"{"id":true}"#));
        for other in [
            r#"{"id":"C-170"}"#,
            r#"{"id":"c-17"}"#,
            r#"{"id":["C-17"]}"#,
            r#"{"other":"C-17"}"#,
            r#"{"id":null}"#,
        ] {
            assert!(!is_in("C-17", other), "{other}");
        }
        assert!(!is_in("12345678901234567", r#"{"id":12345678901234568}"#));
    }

    #[test]
    fn what_cannot_be_erased_by_is_refused() {
        let refused = |key: &str, value: &str| MetadataValue::new(key, value).unwrap_err();
        assert_eq!(refused("", "C-17"), MetadataValueError::Key);
        assert_eq!(refused("a\nb", "C-17"), MetadataValueError::Key);
        assert_eq!(refused(&"k".repeat(251), "C-17"), MetadataValueError::Key);
        assert_eq!(refused("customerId", ""), MetadataValueError::Empty);
        assert_eq!(refused("customerId", "a\0b"), MetadataValueError::Nul);
        assert_eq!(
            refused("customerId", &"x".repeat(1_001)),
            MetadataValueError::TooLong { chars: 1_001 }
        );
        for kept in ["producerService", "traceId", "actor", "metadataErasedAt"] {
            assert_eq!(refused(kept, "x"), MetadataValueError::Kept(kept));
        }
    }

    #[test]
    fn the_value_does_not_come_into_a_log() {
        let value = MetadataValue::new("customerId", "C-17").unwrap();
        assert!(!format!("{value:?}").contains("C-17"));
    }
}
