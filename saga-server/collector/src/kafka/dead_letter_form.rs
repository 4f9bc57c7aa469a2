//! How much of a record a dead letter holds: all of it, unless its topic refuses that.

use std::borrow::Cow;

use rdkafka::{
    message::{Header, OwnedHeaders},
    types::RDKafkaErrorCode,
};
use sha2::{Digest, Sha256};

use super::record::RawRecord;

/// The SHA-256 of a value that is not whole, in hex.
const VALUE_SHA256: &str = "saga-tracker-value-sha256";

/// How many bytes the whole value has, in decimal.
pub(crate) const VALUE_BYTES: &str = "saga-tracker-value-bytes";

/// The same of a key that is not as it was.
const KEY_SHA256: &str = "saga-tracker-key-sha256";
const KEY_BYTES: &str = "saga-tracker-key-bytes";

/// How much of a value is kept when the whole is refused.
const SHORT_VALUE: usize = 16 * 1024;

/// How much of a key is kept beside nothing else.
const SHORT_KEY: usize = 256;

/// Whether the topic refuses a record for what it is, so that less of it may be taken.
pub(super) fn is_about_the_letter(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidTimestamp
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::UnsupportedForMessageFormat
    )
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The record byte for byte.
    Whole,
    /// With a key where the record has none, for a topic that is compacted.
    Keyed,
    /// With the beginning of the value.
    ShortValue,
    /// The origin alone, with the beginning of the key.
    OriginAlone,
}

/// What of a record is written.
pub(super) struct Parts<'a> {
    pub(super) key: Option<Cow<'a, [u8]>>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: OwnedHeaders,
}

impl Form {
    /// From all to least.
    pub(super) const ALL: [Self; 4] = [Self::Whole, Self::Keyed, Self::ShortValue, Self::OriginAlone];

    /// What it keeps of a record; what is missing is named in headers.
    pub(super) fn of(self, record: &RawRecord) -> Parts<'_> {
        let whole = Parts {
            key: record.key().map(Cow::Borrowed),
            value: record.value(),
            headers: OwnedHeaders::new(),
        };
        match self {
            Self::Whole => Parts {
                headers: record.owned_headers(),
                ..whole
            },
            Self::Keyed => Parts {
                key: Some(key(record, usize::MAX)),
                headers: record.owned_headers(),
                ..whole
            },
            Self::ShortValue => Parts {
                key: Some(key(record, usize::MAX)),
                value: whole.value.map(|value| beginning(value, SHORT_VALUE)),
                headers: without(record.owned_headers(), record.value(), VALUE_SHA256, VALUE_BYTES),
            },
            Self::OriginAlone => {
                let headers = without(whole.headers, record.value(), VALUE_SHA256, VALUE_BYTES);
                Parts {
                    key: Some(key(record, SHORT_KEY)),
                    // Without a value it would delete others of its key from a compacted topic.
                    value: Some(&[]),
                    headers: without(headers, record.key(), KEY_SHA256, KEY_BYTES),
                }
            }
        }
    }
}

fn key(record: &RawRecord, max: usize) -> Cow<'_, [u8]> {
    match record.key() {
        Some(key) => Cow::Borrowed(beginning(key, max)),
        None => Cow::Owned(key_of_none(record.partition, record.offset).into_bytes()),
    }
}

/// Where it came from stands for a key that is missing.
pub(crate) fn key_of_none(partition: i32, offset: i64) -> String {
    format!("{partition}-{offset}")
}

fn beginning(bytes: &[u8], max: usize) -> &[u8] {
    &bytes[..bytes.len().min(max)]
}

fn without(headers: OwnedHeaders, whole: Option<&[u8]>, sha256: &str, bytes: &str) -> OwnedHeaders {
    let Some(whole) = whole else { return headers };
    let hash: String = Sha256::digest(whole)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let length = whole.len().to_string();
    [(sha256, hash), (bytes, length)]
        .into_iter()
        .fold(headers, |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value.as_str()),
            })
        })
}

#[cfg(test)]
mod tests {
    use rdkafka::{Timestamp, message::Headers};

    use super::*;

    #[test]
    fn what_is_missing_can_be_found_by_its_hash_and_length() {
        let value = vec![7; 1 << 20];
        let record = RawRecord::of_parts(Timestamp::NotAvailable, b"saga-1", &value, &[("a", b"b")]);
        let names = |form: Form| {
            let headers = form.of(&record).headers;
            let names = headers.iter().map(|header| header.key.to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(Form::Whole), ["a"]);
        assert_eq!(names(Form::ShortValue), ["a", VALUE_SHA256, VALUE_BYTES]);
        let least = [VALUE_SHA256, VALUE_BYTES, KEY_SHA256, KEY_BYTES];
        assert_eq!(names(Form::OriginAlone), least);
        let short = Form::ShortValue.of(&record);
        assert_eq!(short.value.map(<[u8]>::len), Some(SHORT_VALUE));
        let length = short.headers.iter().find(|header| header.key == VALUE_BYTES);
        assert_eq!(length.and_then(|header| header.value), Some(&b"1048576"[..]));
    }
}
