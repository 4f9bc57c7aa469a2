//! Metadata as a database returns it, which writes JSON in its own form.

use saga_types::{Metadata, MetadataError};
use serde_json::Value;

use crate::json::Json;

/// Takes a JSON text from the database.
///
/// PostgreSQL writes `1e300` with three hundred zeros and a space after every comma, so a text that was within the limit
/// when it came may be longer now. Written as shortly as JSON allows it is never longer than what came.
pub(super) fn read_back(text: String) -> Result<Metadata, MetadataError> {
    if text.len() <= saga_types::MAX_METADATA_BYTES {
        return Metadata::parse(text);
    }
    Metadata::parse(shortest(&text, 0)?)
}

/// Without white space, and numbers as `1e19` where that is shorter. Each keeps its digits.
fn shortest(text: &str, depth: usize) -> serde_json::Result<String> {
    Ok(match Json::at(text, depth)? {
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                Ok(format!(
                    "{}:{}",
                    Value::from(key.as_str()),
                    shortest(value, depth + 1)?
                ))
            });
            format!(
                "{{{}}}",
                entries.collect::<serde_json::Result<Vec<_>>>()?.join(",")
            )
        }
        Json::Array(items) => {
            let items = items.iter().map(|item| shortest(item, depth + 1));
            format!("[{}]", items.collect::<serde_json::Result<Vec<_>>>()?.join(","))
        }
        Json::Text(text) => Value::from(text).to_string(),
        Json::Plain(plain) => shorter(plain),
    })
}

/// The JSON objects, as texts, one of which metadata with this value at this key contains: the value is a text, or a
/// number or boolean written like this.
pub(super) fn objects_saying(key: &str, value: &str) -> Vec<String> {
    let mut objects = vec![text_object(key, value)];
    if scalar(value).is_some() {
        objects.push(format!("{{{}:{value}}}", Value::from(key)));
    }
    objects
}

/// The JSON object, as a text, with this text at this key.
pub(super) fn text_object(key: &str, value: &str) -> String {
    format!("{{{}:{}}}", Value::from(key), Value::from(value))
}

/// The boolean or number that a text says, if a database can take it. (`1e-20000` is JSON, but no metadata has it.)
pub(super) fn scalar(text: &str) -> Option<Value> {
    // What is no JSON is looked for as a text alone.
    let value = serde_json::from_str(text).ok()?;
    let is_storable = match &value {
        Value::Bool(_) => true,
        Value::Number(number) => {
            // A number without an exponent is all mantissa.
            let (mantissa, _) = text.split_once(['e', 'E']).unwrap_or((text, ""));
            let says_zero = !mantissa.contains(|digit: char| matches!(digit, '1'..='9'));
            says_zero == (number.as_f64() == Some(0.0)) && text.len() <= 1000
        }
        _ => false,
    };
    is_storable.then_some(value)
}

/// A number as PostgreSQL writes it, which uses no exponents. (What is no number has no digits.)
fn shorter(plain: &str) -> String {
    let (sign, digits) = plain
        .strip_prefix('-')
        .map_or(("", plain), |digits| ("-", digits));
    if !digits
        .chars()
        .all(|character| character.is_ascii_digit() || character == '.')
    {
        return plain.to_owned();
    }
    // A number without a point is whole.
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    let trailing_zeros = all.len() - all.trim_end_matches('0').len();
    let exponent = trailing_zeros as i128 - fraction.len() as i128;
    let with_exponent = format!("{sign}{significant}e{exponent}");
    let is_shorter = !significant.is_empty() && with_exponent.len() < plain.len();
    if is_shorter {
        with_exponent
    } else {
        plain.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_never_longer_than_they_came() {
        for (as_stored, as_it_came) in [
            ("10000000000000000000", "1e19"),
            ("12000000000000000", "12e15"),
            ("0.000015", "15e-6"),
            ("-0.00000000012", "-12e-11"),
            ("1000", "1e3"),
            ("100", "100"),
            ("0.1", "0.1"),
            ("2.50", "2.50"),
            ("-7", "-7"),
            ("0", "0"),
            (
                "123456789012345678901234567890.5",
                "123456789012345678901234567890.5",
            ),
            ("[true, null]", "[true,null]"),
        ] {
            assert_eq!(shortest(as_stored, 0).unwrap(), as_it_came, "{as_stored}");
        }
        assert_eq!(shortest(&format!("1{}", "0".repeat(300)), 0).unwrap(), "1e300");
    }

    #[test]
    fn metadata_that_grew_in_the_database_is_read_all_the_same() {
        let numbers = vec!["1e300"; 5000].join(",");
        let came = Metadata::parse(format!("{{\"a\":[{numbers}]}}")).unwrap();
        let grown = format!(
            "{{\"a\": [{}]}}",
            vec![format!("1{}", "0".repeat(300)); 5000].join(", ")
        );
        assert_eq!(read_back(grown).unwrap(), came);
    }
}
