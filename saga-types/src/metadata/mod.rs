//! What callers know about a step beside its name: a JSON object, kept as the text that was written.
//!
//! The text is checked once, where it enters; it is never written anew, so that what an
//! auditor reads is what the service wrote.

mod builder;
mod check;
pub mod keys;
mod limits;
mod same;

use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

use check::Extracted;

pub use builder::MetadataBuilder;
pub use limits::{MAX_METADATA_BYTES, MAX_METADATA_DEPTH};

/// Why a text cannot be metadata.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The text has more than [`MAX_METADATA_BYTES`] bytes.
    #[error("has {bytes} bytes, at most {MAX_METADATA_BYTES} are allowed")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The text is not a JSON object within the limits: other JSON, no JSON, nested deeper than
    /// [`MAX_METADATA_DEPTH`] levels, a number beyond a double's range, or U+0000 in a text.
    #[error("is not a valid JSON object: {reason}")]
    Invalid {
        /// What is wrong, and where.
        reason: String,
    },
}

impl From<serde_json::Error> for MetadataError {
    fn from(error: serde_json::Error) -> Self {
        Self::Invalid {
            reason: error.to_string(),
        }
    }
}

/// A checked JSON object as text; cheap to clone.
#[derive(Debug, Clone)]
pub struct Metadata {
    text: Arc<str>,
    extracted: Extracted,
}

impl Metadata {
    /// Checks a text and takes it as it is.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] when it is too long or not a JSON object within the limits.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, MetadataError> {
        let text = text.into();
        if text.len() > MAX_METADATA_BYTES {
            return Err(MetadataError::TooLong { bytes: text.len() });
        }
        let extracted = check::check_object(&text)?;
        Ok(Self { text, extracted })
    }

    /// Takes an object.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] when it is too long, too deep or holds U+0000.
    pub fn from_object(object: &Map<String, Value>) -> Result<Self, MetadataError> {
        Self::parse(serde_json::to_string(object)?)
    }

    /// The JSON text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The object, read anew with every call.
    #[must_use]
    pub fn to_object(&self) -> Map<String, Value> {
        // The text was checked on entry, so reading it again cannot fail.
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The service that recorded the step, when `producerService` is a name: 1 to 100 characters, none of them a control
    /// character.
    #[must_use]
    pub fn producer_service(&self) -> Option<&str> {
        self.extracted.producer_service.as_deref()
    }

    /// The trace of the step, when `traceId` is a name.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.extracted.trace_id.as_deref()
    }

    /// The version of the service that recorded the step, when `serviceVersion` is a name.
    #[must_use]
    pub fn service_version(&self) -> Option<&str> {
        self.extracted.service_version.as_deref()
    }

    /// The saga that this one is a part of, when `parentSagaId` is a name.
    #[must_use]
    pub fn parent_saga_id(&self) -> Option<&str> {
        self.extracted.parent_saga_id.as_deref()
    }

    /// Why a status was set by an override, when `reason` is a text.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.extracted.reason.as_deref()
    }

    /// By which way an operator set the status, when `correctedVia` is a text. Only what a tracker stored itself has it.
    #[must_use]
    pub fn corrected_via(&self) -> Option<&str> {
        self.extracted.corrected_via.as_deref()
    }

    /// Why the step failed, when `failureReason` is a text.
    #[must_use]
    pub fn failure_reason(&self) -> Option<&str> {
        self.extracted.failure_reason.as_deref()
    }
}

/// Two objects are equal when they say the same: order of keys, white space and the way numbers are written do
/// not count.
impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        same::same(&self.text, &other.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_within_the_limits_is_metadata() {
        assert!(Metadata::parse("{}").is_ok());
        for bad in [
            "",
            "null",
            "[]",
            "7",
            "\"text\"",
            "{",
            "{} {}",
            "{\"a\":1e999}",
            "{'a':1}",
        ] {
            assert!(
                matches!(Metadata::parse(bad), Err(MetadataError::Invalid { .. })),
                "{bad}"
            );
        }
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_METADATA_BYTES));
        assert!(matches!(
            Metadata::parse(long),
            Err(MetadataError::TooLong { .. })
        ));
    }

    #[test]
    fn nul_is_refused_however_it_is_written() {
        for bad in [
            r#"{"a":"\u0000"}"#,
            r#"{"\u0000":1}"#,
            r#"{"a":[{"b":"x\u0000y"}]}"#,
            "{\"a\":\"\0\"}",
        ] {
            assert!(Metadata::parse(bad).is_err(), "{bad}");
        }
        assert!(
            Metadata::parse(r#"{"a":"\\u0000"}"#).is_ok(),
            "an escaped backslash is not U+0000"
        );
    }

    #[test]
    fn half_of_a_surrogate_pair_is_refused() {
        assert!(Metadata::parse(r#"{"a":"\ud800"}"#).is_err());
    }

    #[test]
    fn equality_is_that_of_the_objects() {
        let left = Metadata::parse(r#"{"a":1, "b":[2.50]}"#).unwrap();
        assert_eq!(left, Metadata::parse(r#"{"b":[2.5],"a":1.0}"#).unwrap());
        assert_ne!(left, Metadata::parse(r#"{"a":1}"#).unwrap());
    }
}
