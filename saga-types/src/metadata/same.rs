//! Whether two JSON texts say the same: every digit counts, and how it is written does not (`1`, `1.0`, `10e-1`).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Whether they say the same; of what is no JSON, whether it is the same text.
pub(super) fn same(left: &str, right: &str) -> bool {
    left == right
        || read(left)
            .zip(read(right))
            .is_some_and(|(left, right)| left.same(&right))
}

enum Json<'a> {
    /// Of a key that comes again the last value counts.
    Object(BTreeMap<String, &'a RawValue>),
    Array(Vec<&'a RawValue>),
    Text(String),
    Number(Decimal),
    Word(&'a str),
}

fn read(text: &str) -> Option<Json<'_>> {
    let text = text.trim();
    match text.as_bytes().first()? {
        b'{' => serde_json::from_str(text).map(Json::Object).ok(),
        b'[' => serde_json::from_str(text).map(Json::Array).ok(),
        b'"' => serde_json::from_str(text).map(Json::Text).ok(),
        b'-' | b'0'..=b'9' => Some(Json::Number(Decimal::of(text))),
        _ => Some(Json::Word(text)),
    }
}

impl Json<'_> {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Object(left), Self::Object(right)) => {
                left.len() == right.len()
                    && left
                        .iter()
                        .all(|(key, left)| right.get(key).is_some_and(|right| same(left.get(), right.get())))
            }
            (Self::Array(left), Self::Array(right)) => {
                left.len() == right.len()
                    && left
                        .iter()
                        .zip(right)
                        .all(|(left, right)| same(left.get(), right.get()))
            }
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::Number(left), Self::Number(right)) => left == right,
            (Self::Word(left), Self::Word(right)) => left == right,
            _ => false,
        }
    }
}

/// A number by its value: `digits` times ten to the power of `exponent`. Zero has neither sign nor digits.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn of(number: &str) -> Self {
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (is_negative, mantissa) = mantissa
            .strip_prefix('-')
            .map_or((false, mantissa), |mantissa| (true, mantissa));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return Self {
                is_negative: false,
                digits: String::new(),
                exponent: 0,
            };
        }
        let zeros = all.len() - all.trim_end_matches('0').len();
        // No metadata has a number whose exponent is longer.
        let exponent: i64 = exponent.parse().unwrap_or(i64::MAX);
        let length = |digits: usize| i64::try_from(digits).unwrap_or(i64::MAX);
        Self {
            is_negative,
            digits: significant.to_owned(),
            exponent: exponent
                .saturating_add(length(zeros))
                .saturating_sub(length(fraction.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_counts_and_the_notation_does_not() {
        for (left, right) in [
            ("1", "1.0"),
            ("1", "10e-1"),
            ("100", "1E+2"),
            ("-0.0", "0"),
            ("1.10", "1.1"),
            ("0.00", "0e5"),
            ("1e300", &format!("1{}", "0".repeat(300))),
            (
                r#"{"a":1,"b":[1.0,"\u0061"]}"#,
                r#" { "b" : [1, "a"], "a": 1.0 } "#,
            ),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        ] {
            assert!(same(left, right), "{left} and {right}");
        }
        for (left, right) in [
            ("9007199254740993", "9007199254740992"),
            ("123456789012345678901234567890", "123456789012345678901234567891"),
            ("0.1234567890123456789012345", "0.1234567890123456789012346"),
            ("1", "-1"),
            ("1", "10"),
            ("1", "\"1\""),
            ("true", "false"),
            ("null", "0"),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            ("[1]", "[1,1]"),
        ] {
            assert!(!same(left, right), "{left} and {right}");
        }
    }
}
