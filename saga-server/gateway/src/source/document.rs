//! JSON as Kafka Connect writes it: an object, an object as a text, and the schema around a value.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::document::object as read;

/// The fields of an object, with the text of each value as it came.
pub(super) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Whether a text is a JSON object.
pub(super) fn check_object(text: &str) -> Result<(), String> {
    read::<IgnoredAny>(text).map(drop)
}

/// The fields of an object.
pub(super) fn fields(text: &str) -> Result<Fields<'_>, String> {
    read(text)
}

/// A value and the schema that the JSON converter of Kafka Connect puts around it, unless that is switched off.
pub(super) fn with_schema(text: &str) -> Option<(&RawValue, &RawValue)> {
    let fields: Fields<'_> = serde_json::from_str(text).ok()?;
    match (fields.get("schema"), fields.get("payload"), fields.len()) {
        (Some(schema), Some(payload), 2) => Some((*schema, *payload)),
        _ => None,
    }
}

/// The value alone.
pub(super) fn without_schema(text: &str) -> &str {
    with_schema(text).map_or(text, |(_, payload)| payload.get())
}

/// Whether it is no document: older converters write so what has no value.
pub(super) fn is_null(text: &str) -> bool {
    text.trim() == "null"
}

/// The object that a JSON text holds as its text, as a column of type JSON is written.
pub(super) fn packed_object(value: &str) -> Option<String> {
    let text: String = serde_json::from_str(value).ok()?;
    check_object(&text).ok().map(|()| text)
}

/// An object of these fields, without those that are null: a mapping is to find them missing.
pub(super) fn object<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    written(fields.into_iter().filter(|(_, value)| *value != "null"))
}

/// An object of these fields.
pub(super) fn written<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let fields: Vec<String> = fields
        .into_iter()
        .map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name)))
        .collect();
    format!("{{{}}}", fields.join(","))
}
