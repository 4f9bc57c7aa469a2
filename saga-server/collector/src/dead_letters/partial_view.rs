//! What can be read of a letter that is no event, as people see it.

use saga_types::avro::{PartialEvent, PartialField};
use serde::Serialize;
use utoipa::ToSchema;

use crate::redaction::{REDACTED, Redaction};

/// The longest value that is shown whole, in characters.
const SHOWN_CHARS: usize = 1_000;

/// What can be read of a value that is no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartialView {
    /// The fields that could be read, in their order; one of them may be the one that breaks a rule.
    pub fields: Vec<PartialFieldView>,
    /// Where the bytes no longer follow the schema, from the beginning of the value; null when all of them do, and a field breaks
    /// a rule.
    pub broken_at: Option<u64>,
    /// The field with the fault, where it is known.
    pub field: Option<String>,
    /// The fault.
    pub fault: String,
    /// Whether the value does not name a schema that is known, so that the latest version was assumed.
    pub schema_is_assumed: bool,
}

/// A field that could be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartialFieldView {
    /// Its name.
    pub name: String,
    /// Where it begins, from the beginning of the value.
    pub offset: u64,
    /// Its value, in at most 1,000 characters; null when it is null.
    pub value: Option<String>,
}

impl PartialView {
    /// None where nothing can be read. Of bytes that are broken any field may hold what belongs to another one, so where something
    /// is hidden only a value is shown of which every field was read by a schema that is known.
    pub(super) fn of(value: &[u8], redaction: &Redaction) -> Option<Self> {
        let partial = PartialEvent::read(value)?;
        if partial.fields.is_empty() || !(redaction.is_off() || partial.is_whole()) {
            return None;
        }
        Some(Self {
            broken_at: partial.broken_at.map(|offset| offset as u64),
            field: partial.field.map(str::to_owned),
            fault: partial.error.to_string(),
            schema_is_assumed: partial.is_schema_assumed,
            fields: partial
                .fields
                .into_iter()
                .map(|field| PartialFieldView::of(field, redaction))
                .collect(),
        })
    }

    /// What a field holds, if it was read and is not null.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|field| field.name == name);
        found.and_then(|field| field.value.as_deref())
    }
}

impl PartialFieldView {
    fn of(field: PartialField, redaction: &Redaction) -> Self {
        let value = field.value.map(|value| match field.name {
            // Metadata that breaks a rule may be no JSON, of which no key is known.
            "metadata" if !redaction.is_off() => REDACTED.to_owned(),
            _ => value,
        });
        let cut = |value: String| match value.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}…", &value[..end]),
            None => value,
        };
        Self {
            name: field.name.to_owned(),
            offset: field.offset as u64,
            value: value.map(cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_events::created;
    use saga_types::{
        Timestamp,
        avro::{Framing, SchemaVersion, encode},
    };

    fn bytes() -> Vec<u8> {
        let mut event = created("evt-1", Timestamp::from_millis(1_760_000_000_000).unwrap());
        event.metadata = saga_types::Metadata::parse(r#"{"cardNumber":"4711"}"#).ok();
        encode(&event, SchemaVersion::V2, Framing::SingleObject).unwrap()
    }

    #[test]
    fn broken_bytes_are_shown_up_to_the_fault_unless_something_is_hidden() {
        let bytes = bytes();
        let cut = &bytes[..bytes.len() - 3];
        let shown = PartialView::of(cut, &Redaction::default()).unwrap();
        assert_eq!(shown.value("orderId"), Some("ORD-saga-1"));
        assert_eq!(shown.value("metadata"), Some(r#"{"cardNumber":"4711"}"#));
        assert_eq!(shown.field.as_deref(), Some("recordedAt"));
        assert!(shown.broken_at.is_some() && shown.fault == "the bytes end within recordedAt");
        let hiding = Redaction::of(&["cardNumber"]).unwrap();
        assert_eq!(PartialView::of(cut, &hiding), None);
    }

    #[test]
    fn of_a_field_that_breaks_a_rule_the_others_are_shown_and_metadata_hidden() {
        let mut bytes = bytes();
        // A control character, which no id may have.
        let place = bytes.windows(4).position(|part| part == b"ORD-").unwrap();
        bytes[place] = 7;
        for (redaction, metadata) in [
            (Redaction::default(), r#"{"cardNumber":"4711"}"#),
            (Redaction::of(&["cardNumber"]).unwrap(), REDACTED),
        ] {
            let shown = PartialView::of(&bytes, &redaction).unwrap();
            assert_eq!((shown.broken_at, shown.field.as_deref()), (None, Some("orderId")));
            assert_eq!(shown.value("sagaId"), Some("saga-1"));
            assert_eq!(shown.value("metadata"), Some(metadata));
        }
    }
}
