//! JSON texts taken apart without reading their numbers, which would cost digits.
//!
//! Rule of thumb: numbers stay the text that they came as, and a value is parsed from it only where one is needed.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// More levels than metadata can have. The texts of others, such as dead letters, may be nested without end.
const MAX_DEPTH: usize = 128;

/// One level of a text.
#[derive(Debug)]
pub enum Json<'a> {
    /// Its entries in their order, also those whose key comes again.
    Object(Vec<(String, &'a str)>),
    /// Its items.
    Array(Vec<&'a str>),
    /// Without its escapes.
    Text(String),
    /// A number, a boolean or null.
    Plain(&'a str),
}

impl<'a> Json<'a> {
    /// Reads one level, which lies under so many others.
    ///
    /// # Errors
    ///
    /// When the text is no JSON, or is nested too deeply.
    pub fn at(text: &'a str, depth: usize) -> serde_json::Result<Self> {
        if depth > MAX_DEPTH {
            return Err(de::Error::custom("nested too deeply"));
        }
        let text = text.trim();
        match text.as_bytes().first() {
            Some(b'{') => Ok(Self::Object(serde_json::from_str::<Entries<'_>>(text)?.0)),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                Ok(Self::Array(items.into_iter().map(RawValue::get).collect()))
            }
            Some(b'"') => Ok(Self::Text(serde_json::from_str(text)?)),
            _ => Ok(Self::Plain(serde_json::from_str::<&RawValue>(text)?.get())),
        }
    }
}

/// The significant digits of a number, without sign, point, exponent and zeros at the ends. Two numbers that are the same as
/// doubles are the same when these are.
#[must_use]
pub fn significant_digits(number: &str) -> String {
    let (mantissa, _) = number.split_once(['e', 'E']).unwrap_or((number, ""));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

struct Entries<'a>(Vec<(String, &'a str)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> de::Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            entries.push((key, value.get()));
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_repeated_keys_their_values() {
        let text = r#" {"a": 123456789012345678901234567890, "\u0061":[1.10, {"b":null}], "t":"x\ny"} "#;
        let Json::Object(entries) = Json::at(text, 0).unwrap() else {
            panic!("no object")
        };
        let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "a", "t"]);
        assert_eq!(entries[0].1, "123456789012345678901234567890");
        let Json::Array(items) = Json::at(entries[1].1, 1).unwrap() else {
            panic!("no array")
        };
        assert_eq!(items, ["1.10", r#"{"b":null}"#]);
        assert!(matches!(Json::at(entries[2].1, 1), Ok(Json::Text(text)) if text == "x\ny"));
        assert!(matches!(Json::at("-0.0", 1), Ok(Json::Plain("-0.0"))));
    }

    #[test]
    fn what_is_no_json_or_too_deep_is_refused() {
        for bad in ["", "{", "[1,", "\"a", "nul", "1 2", "{\"a\":1,}"] {
            assert!(Json::at(bad, 0).is_err(), "{bad}");
        }
        assert!(Json::at("1", MAX_DEPTH).is_ok());
        assert!(Json::at("1", MAX_DEPTH + 1).is_err());
    }

    #[test]
    fn digits_are_those_that_make_a_number() {
        for (number, digits) in [
            ("1.10", "11"),
            ("-0.0", ""),
            ("1e2", "1"),
            ("0.0012300", "123"),
            ("100", "1"),
        ] {
            assert_eq!(significant_digits(number), digits, "{number}");
        }
    }
}
