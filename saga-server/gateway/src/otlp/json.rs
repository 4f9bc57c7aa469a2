//! The messages within a message of JSON, one after the other.
//!
//! OTLP allows more than the types of the messages read: a field may be null, an empty list may be left out, and numbers that
//! JSON does not have are texts.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{document::cut, error::RequestError};

/// Looks at a message that stands within another one.
pub(super) type Visit<'v> = dyn FnMut(&[u8]) -> Result<(), RequestError> + 'v;

/// What is answered when bytes are no message.
pub(super) fn unreadable(error: serde_json::Error) -> RequestError {
    RequestError::Unreadable(cut(&format!("is not what OTLP sends in JSON: {error}")))
}

/// The text of a field; `null` counts as missing.
pub(super) fn field<'a>(of: &'a [u8], name: &'static str) -> Result<Option<&'a RawValue>, serde_json::Error> {
    let mut reading = serde_json::Deserializer::from_slice(of);
    let found = FieldSeed(name).deserialize(&mut reading)?;
    reading.end()?;
    Ok(found.filter(|value| value.get() != "null"))
}

struct FieldSeed(&'static str);

impl<'de> DeserializeSeed<'de> for FieldSeed {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name != self.0 {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom(format!("{name} is given more than once")));
            }
        }
        Ok(found)
    }
}

/// Looks at each element of an array.
pub(super) fn each(list: &str, visit: &mut Visit<'_>) -> Result<(), RequestError> {
    let mut elements = Elements { visit, refusal: None };
    let mut reading = serde_json::Deserializer::from_str(list);
    let read = DeserializeSeed::deserialize(&mut elements, &mut reading);
    match elements.refusal {
        Some(refusal) => Err(refusal),
        None => read.map_err(unreadable),
    }
}

struct Elements<'a, 'v> {
    visit: &'a mut Visit<'v>,
    refusal: Option<RequestError>,
}

impl<'de> DeserializeSeed<'de> for &mut Elements<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(element) = sequence.next_element::<&'de RawValue>()? {
            if let Err(refusal) = (self.visit)(element.get().as_bytes()) {
                self.refusal = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// A whole message.
pub(super) fn decode<T: DeserializeOwned>(message: &[u8]) -> Result<T, serde_json::Error> {
    let mut value = Value::deserialize(&mut serde_json::Deserializer::from_slice(message))?;
    if !value.is_object() {
        return Err(serde_json::Error::custom("a message must be an object"));
    }
    complete(&mut value);
    serde_json::from_value(value)
}

/// Leaves out what is null, and gives values the form that their type reads.
fn complete(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(complete),
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(complete);
            give_lists(fields);
            give_number(fields);
        }
        _ => {}
    }
}

fn give_lists(fields: &mut Map<String, Value>) {
    for list in ["arrayValue", "kvlistValue"] {
        if let Some(Value::Object(list)) = fields.get_mut(list) {
            list.entry("values").or_insert_with(|| json!([]));
        }
    }
}

/// A number may come as a text, as those must that JSON does not have, and these stay one.
fn give_number(fields: &mut Map<String, Value>) {
    const NUMBER: &str = "doubleValue";
    let Some(Value::String(text)) = fields.get(NUMBER) else {
        return;
    };
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => {
            fields.insert(NUMBER.to_owned(), json!(number));
        }
        Ok(_) => {
            let text = json!(text);
            fields.remove(NUMBER);
            fields.insert("stringValue".to_owned(), text);
        }
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value as Any};

    use super::*;

    #[test]
    fn a_field_is_found_by_its_name_and_only_once() {
        let found = |text: &'static str| {
            field(text.as_bytes(), "a")
                .map(|value| value.map(RawValue::get))
                .map_err(|error| error.to_string())
        };
        assert_eq!(found(r#"{"b":[{"a":1}],"a":[2]}"#), Ok(Some("[2]")));
        assert_eq!(found(r#"{"a":null}"#), Ok(None));
        assert!(found(r#"{"a":1,"a":2}"#).unwrap_err().contains("more than once"));
        for wrong in ["", "[]", "7", "{", r#"{"a":1} x"#, r#"{"b":}"#] {
            assert!(found(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_otlp_allows_of_values_is_read() {
        let read = |text: &str| decode::<AnyValue>(text.as_bytes()).map(|value| value.value);
        assert_eq!(read(r#"{"intValue":"7"}"#).unwrap(), Some(Any::IntValue(7)));
        assert_eq!(
            read(r#"{"doubleValue":"1.5"}"#).unwrap(),
            Some(Any::DoubleValue(1.5))
        );
        assert_eq!(
            read(r#"{"doubleValue":"Infinity"}"#).unwrap(),
            Some(Any::StringValue("Infinity".to_owned()))
        );
        assert!(matches!(
            read(r#"{"arrayValue":{}}"#).unwrap(),
            Some(Any::ArrayValue(_))
        ));
        assert!(matches!(
            read(r#"{"kvlistValue":{}}"#).unwrap(),
            Some(Any::KvlistValue(_))
        ));
        assert_eq!(read(r#"{"stringValue":null}"#).unwrap(), None);
        for wrong in [
            "[]",
            "7",
            r#"{"doubleValue":"much"}"#,
            r#"{"intValue":"x"}"#,
            r#"{"boolValue":1}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
