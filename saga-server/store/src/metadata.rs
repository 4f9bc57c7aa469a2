//! Metadata as a database returns it, which writes JSON in its own form.

use std::io;

use saga_types::{Metadata, MetadataError};
use serde::Serialize;
use serde_json::{Value, ser::Formatter};

/// Takes a JSON text from the database.
///
/// PostgreSQL writes `1e300` with three hundred zeros and a space after every comma, so a text that was within the limit
/// when it came may be longer now. Written as shortly as JSON allows it is never longer than what came.
pub(super) fn read_back(text: String) -> Result<Metadata, MetadataError> {
    if text.len() <= saga_types::MAX_METADATA_BYTES {
        return Metadata::parse(text);
    }
    let value: Value = serde_json::from_str(&text)?;
    let mut short = Vec::with_capacity(saga_types::MAX_METADATA_BYTES);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut short, Shortest))?;
    Metadata::parse(String::from_utf8_lossy(&short).into_owned())
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

/// Writes numbers as `1e19` where that is shorter.
struct Shortest;

impl Formatter for Shortest {
    fn write_u64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        write_shorter(writer, &value.to_string())
    }

    fn write_i64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        write_shorter(writer, &value.to_string())
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        // Rust writes the fewest digits that give the same number, but never an exponent.
        write_shorter(writer, &value.to_string())
    }
}

fn write_shorter<W: ?Sized + io::Write>(writer: &mut W, plain: &str) -> io::Result<()> {
    let (sign, digits) = plain
        .strip_prefix('-')
        .map_or(("", plain), |digits| ("-", digits));
    // A number without a point is whole.
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    let trailing_zeros = all.len() - all.trim_end_matches('0').len();
    let exponent = trailing_zeros as i128 - fraction.len() as i128;
    let with_exponent = format!("{sign}{significant}e{exponent}");
    let is_shorter = !significant.is_empty() && with_exponent.len() < plain.len();
    writer.write_all(if is_shorter {
        with_exponent.as_bytes()
    } else {
        plain.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        let value: Value = serde_json::from_str(json).unwrap();
        let mut short = Vec::new();
        value
            .serialize(&mut serde_json::Serializer::with_formatter(&mut short, Shortest))
            .unwrap();
        String::from_utf8(short).unwrap()
    }

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
            ("2.50", "2.5"),
            ("-7", "-7"),
            ("0", "0"),
        ] {
            assert_eq!(written(as_stored), as_it_came, "{as_stored}");
        }
        assert_eq!(written(&format!("1{}", "0".repeat(300))), "1e300");
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
