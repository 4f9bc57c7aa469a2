//! The body of a request: one JSON object, checked as strictly as the parameters of a query.

use std::{collections::BTreeMap, fmt};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;

use super::ApiError;

/// The longest body, in bytes.
pub(crate) const LIMIT: usize = 64 * 1024;

/// The fields of a body. Handlers take what they know; [`Body::finish`] refuses what is left.
#[derive(Debug)]
pub(crate) struct Body {
    given: BTreeMap<String, Value>,
    bad: BTreeMap<String, String>,
}

impl Body {
    /// Takes a text that must be there, and reads it; what is wrong is kept for [`Body::finish`].
    pub(crate) fn parsed<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let result = match self.given.remove(name) {
            Some(Value::String(text)) => read(&text),
            Some(_) => Err("must be a text".to_owned()),
            None => Err("is missing".to_owned()),
        };
        result
            .map_err(|reason| self.bad.insert(name.to_owned(), reason))
            .ok()
    }

    /// Takes a value that may be missing; what is wrong is kept for [`Body::finish`]. `null` counts as missing.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.given.remove(name).filter(|value| !value.is_null())?;
        read(&value)
            .map_err(|reason| self.bad.insert(name.to_owned(), reason))
            .ok()
    }

    /// Says that a field is wrong.
    pub(crate) fn refuse(&mut self, name: &str, reason: &str) {
        self.bad.insert(name.to_owned(), reason.to_owned());
    }

    /// Says that a field is missing, unless something is wrong that may be the cause.
    pub(crate) fn refuse_missing(&mut self, name: &str, reason: &str) {
        if self.bad.is_empty() {
            self.refuse(name, reason);
        }
    }

    /// Gives what was taken, unless something of it was wrong, or an unknown field is left.
    pub(crate) fn finish<T>(mut self, taken: Option<T>) -> Result<T, ApiError> {
        for name in self.given.into_keys() {
            let shown = name.chars().take(100).collect();
            self.bad.insert(shown, "is not known here".to_owned());
        }
        taken
            .filter(|_| self.bad.is_empty())
            .ok_or_else(|| ApiError::bad_fields(self.bad))
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            let message = "the body must be JSON, and say so: Content-Type: application/json";
            return Err(ApiError::bad_request(message));
        }
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => {
                        ApiError::payload_too_large(format!("the body has more than {LIMIT} bytes"))
                    }
                    _ => ApiError::bad_request("the body ended too early"),
                })?;
        let Fields(given) = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::bad_request(format!("the body must be a JSON object: {error}")))?;
        Ok(Self {
            given,
            bad: BTreeMap::new(),
        })
    }
}

/// The number that a value is, if it is a whole one. JSON has no integers of its own: `3.0` is the same number as `3`.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    /// Up to here each whole number has a value of its own as a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        let is_exact = number.fract() == 0.0 && number.abs() <= EXACT;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
        is_exact.then_some(number as i64)
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = given.and_then(|given| given.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

/// An object in which no field stands twice: which of the two was meant is undefined.
struct Fields(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.insert(name, value).is_some() {
                        return Err(A::Error::custom("a field is given more than once"));
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        for (value, expected) in [
            (json!(3), Some(3)),
            (json!(3.0), Some(3)),
            (json!(-2.0), Some(-2)),
            (json!(i64::MAX), Some(i64::MAX)),
            (json!(3.5), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!("3"), None),
        ] {
            assert_eq!(integer(&value), expected, "{value}");
        }
    }
}
