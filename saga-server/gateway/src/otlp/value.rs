//! Attributes, as JSON.

use base64::{Engine, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use serde_json::{Map, Value};

/// All attributes, by their keys.
pub(super) fn object(attributes: &[KeyValue]) -> Map<String, Value> {
    attributes
        .iter()
        .map(|attribute| (attribute.key.clone(), json(attribute.value.as_ref())))
        .collect()
}

/// A value; null when there is none.
pub(super) fn json(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => text.as_str().into(),
        Some(Any::BoolValue(flag)) => (*flag).into(),
        Some(Any::IntValue(number)) => (*number).into(),
        Some(Any::DoubleValue(number)) => double(*number),
        Some(Any::ArrayValue(list)) => list.values.iter().map(|value| json(Some(value))).collect(),
        Some(Any::KvlistValue(list)) => Value::Object(object(&list.values)),
        Some(Any::BytesValue(bytes)) => STANDARD.encode(bytes).into(),
        // Only profiles have such a table.
        Some(Any::StringValueStrindex(_)) | None => Value::Null,
    }
}

/// Numbers that JSON does not have are texts, as OTLP writes them.
fn double(number: f64) -> Value {
    match number {
        _ if number.is_finite() => number.into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        _ => "NaN".into(),
    }
}

/// The value of a key, when it is given.
pub(super) fn find<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Any> {
    let attribute = attributes.iter().rev().find(|attribute| attribute.key == key)?;
    attribute.value.as_ref()?.value.as_ref()
}

/// The text of a key that has one.
pub(super) fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match find(attributes, key)? {
        Any::StringValue(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}
