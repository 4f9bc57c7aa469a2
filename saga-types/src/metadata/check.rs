//! One pass over a JSON text that checks what the contract demands and extracts the texts that readers need,
//! without building a tree.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};

use super::{keys, limits::MAX_METADATA_DEPTH};
use crate::is_name;

/// The values of an object's top level that readers need again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extracted {
    pub(crate) producer_service: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) failure_reason: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) corrected_via: Option<String>,
    pub(crate) service_version: Option<String>,
    pub(crate) parent_saga_id: Option<String>,
}

impl Extracted {
    /// Whether readers need the value of a key.
    pub(crate) fn wants(key: &str) -> bool {
        names(key) || matches!(key, keys::FAILURE_REASON | keys::REASON | keys::CORRECTED_VIA)
    }

    /// Takes the value of a key that readers need; none when it is no text. What is to be a name and breaks the rules for
    /// names is none.
    pub(crate) fn set(&mut self, key: &str, text: Option<String>) {
        let text = text.filter(|text| !names(key) || is_name(text));
        match key {
            keys::PRODUCER_SERVICE => self.producer_service = text,
            keys::TRACE_ID => self.trace_id = text,
            keys::FAILURE_REASON => self.failure_reason = text,
            keys::REASON => self.reason = text,
            keys::CORRECTED_VIA => self.corrected_via = text,
            keys::SERVICE_VERSION => self.service_version = text,
            keys::PARENT_SAGA_ID => self.parent_saga_id = text,
            _ => {}
        }
    }
}

/// Whether the value of a key is to be a name, which has a column or filter of its own.
fn names(key: &str) -> bool {
    matches!(
        key,
        keys::PRODUCER_SERVICE | keys::TRACE_ID | keys::SERVICE_VERSION | keys::PARENT_SAGA_ID
    )
}

/// Checks that a text is a JSON object within the limits, and extracts what readers need.
pub(crate) fn check_object(text: &str) -> Result<Extracted, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let extracted = deserializer.deserialize_any(ObjectVisitor)?;
    deserializer.end()?;
    Ok(extracted)
}

/// Checks any JSON value that will stand inside an object, `depth` levels down.
pub(crate) fn check_value(text: &str, depth: usize) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    ValueSeed {
        depth,
        wants_text: false,
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Extracted;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    // Reasons are shown and logged: they name the type of what came and not what it says.
    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Extracted, E> {
        Err(E::invalid_type(Unexpected::Other("text"), &self))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Extracted, E> {
        Err(E::invalid_type(Unexpected::Other("number"), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Extracted, E> {
        Err(E::invalid_type(Unexpected::Other("number"), &self))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Extracted, E> {
        Err(E::invalid_type(Unexpected::Other("number"), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extracted, A::Error> {
        let mut extracted = Extracted::default();
        while let Some(Key(key)) = map.next_key_seed(KeySeed)? {
            let wants_text = Extracted::wants(&key);
            let text = map.next_value_seed(ValueSeed { depth: 2, wants_text })?;
            // A key that comes twice counts with its last value, as in every JSON reader we know.
            if wants_text {
                extracted.set(&key, text);
            }
        }
        Ok(extracted)
    }
}

struct Key<'de>(std::borrow::Cow<'de, str>);
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, key: &'de str) -> Result<Key<'de>, E> {
        refuse_nul(key)?;
        Ok(Key(key.into()))
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Key<'de>, E> {
        refuse_nul(key)?;
        Ok(Key(key.to_owned().into()))
    }
}

/// Visits one value; gives its text when it is a string and the text is wanted.
#[derive(Clone, Copy)]
struct ValueSeed {
    depth: usize,
    wants_text: bool,
}

impl ValueSeed {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth > MAX_METADATA_DEPTH {
            return Err(E::custom(format_args!(
                "nested deeper than {MAX_METADATA_DEPTH} levels"
            )));
        }
        Ok(Self {
            depth: self.depth + 1,
            wants_text: false,
        })
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<String>, E> {
        refuse_nul(text)?;
        Ok(self.wants_text.then(|| text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Option<String>, A::Error> {
        let inner = self.inner::<A::Error>()?;
        while sequence.next_element_seed(inner)?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<String>, A::Error> {
        let inner = self.inner::<A::Error>()?;
        while map.next_key_seed(KeySeed)?.is_some() {
            map.next_value_seed(inner)?;
        }
        Ok(None)
    }
}

fn refuse_nul<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') {
        Err(E::custom("holds U+0000"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
    }

    #[test]
    fn sixty_four_levels_are_allowed_and_no_more() {
        assert!(check_object(&nested(64)).is_ok());
        let error = check_object(&nested(65)).unwrap_err();
        assert!(error.to_string().contains("deeper than 64"), "{error}");
        // Far beyond any stack: refused as well, by the parser's own limit.
        assert!(check_object(&nested(100_000)).is_err());
    }

    #[test]
    fn a_reason_does_not_repeat_what_came() {
        for secret in [
            r#""4711-secret""#,
            "4711",
            "-4711",
            "4711.5",
            r#" "4711" "#,
            r#"["4711"]"#,
            r#"{"a":4711"#,
        ] {
            let reason = check_object(secret).unwrap_err().to_string();
            assert!(!reason.contains("4711"), "{reason}");
        }
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let extracted = check_object(r#"{"traceId":"a","traceId":"b","failureReason":7}"#).unwrap();
        assert_eq!(extracted.trace_id.as_deref(), Some("b"));
        assert_eq!(extracted.failure_reason, None);
    }

    #[test]
    fn what_breaks_the_rules_for_names_is_no_name() {
        let name = |text: &str| {
            let json = serde_json::json!({
                "producerService": text, "traceId": text, "serviceVersion": text, "parentSagaId": text,
                "failureReason": text,
            });
            let extracted = check_object(&json.to_string()).unwrap();
            assert_eq!(
                extracted.failure_reason.as_deref(),
                Some(text),
                "a reason is no name"
            );
            let names = [
                extracted.producer_service,
                extracted.trace_id,
                extracted.service_version,
                extracted.parent_saga_id,
            ];
            assert!(names.iter().all(|name| *name == names[0]));
            names[0].is_some()
        };
        assert!(name("a") && name(&"주".repeat(100)));
        for bad in ["", "a\nb", "a\u{7f}", "a\u{85}", &"주".repeat(101)] {
            assert!(!name(bad), "{bad:?}");
        }
    }
}
