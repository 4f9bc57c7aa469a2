//! A record of a source's topic, and what a mapping sees of where it comes from.

use saga_types::{EventId, Timestamp};
use serde_json::{Map, Value};

use super::SourceFormat;
use crate::{event::Envelope, event_id};

/// What begins the id of an event that is named by its record.
const ID_PREFIX: &str = "rec-";

/// A record as it was read.
#[derive(Debug, Clone, Default)]
pub struct SourceRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
    /// The record's time, in milliseconds since 1970.
    pub timestamp_millis: Option<i64>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; none for a tombstone.
    pub value: Option<SourceValue<'a>>,
    /// Names and values of the headers.
    pub headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// A record's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceValue<'a> {
    /// As it came.
    Bytes(&'a [u8]),
    /// An Avro value by the schema registry, as JSON.
    Avro(String),
}

impl SourceValue<'_> {
    /// JSON, as the format says.
    pub(super) fn text(&self, format: SourceFormat) -> Result<&str, String> {
        match self {
            Self::Avro(text) if format.takes_avro() => Ok(text),
            Self::Avro(_) => Err(format!("is Avro, the source's format is {}", format.as_str())),
            Self::Bytes([]) => Err("the value is empty".to_owned()),
            Self::Bytes(_) if format == SourceFormat::Avro => {
                Err("is not Avro by a schema registry: the value does not begin with 00".to_owned())
            }
            Self::Bytes(bytes) => str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned()),
        }
    }
}

impl SourceRecord<'_> {
    /// When it was written, as the record says.
    fn time(&self) -> Option<Timestamp> {
        Timestamp::from_millis(self.timestamp_millis.filter(|millis| *millis > 0)?).ok()
    }

    /// What a record says of an event that nothing else names.
    pub(super) fn envelope(&self, source: &str, recorded_at: Option<Timestamp>) -> Envelope {
        Envelope {
            event_id: self.event_id(source),
            recorded_at: recorded_at.or_else(|| self.time()),
            row: None,
        }
    }

    /// The same record is the same event. The time distinguishes it from those of a topic that was deleted and made again.
    /// Records of a partition that were written in the same millisecond keep their order.
    fn event_id(&self, source: &str) -> Option<EventId> {
        event_id::hashed(
            &format!("{ID_PREFIX}{:016x}-", self.offset),
            &[
                source.as_bytes(),
                self.topic.as_bytes(),
                &self.partition.to_be_bytes(),
                &self.offset.to_be_bytes(),
                &self.timestamp_millis.unwrap_or(-1).to_be_bytes(),
            ],
        )
        .ok()
    }

    /// The value of a header that is text; of several of its name the last.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let named = self
            .headers
            .iter()
            .rfind(|(header, _)| header.eq_ignore_ascii_case(name.as_bytes()));
        str::from_utf8(named?.1?).ok()
    }

    /// Every header that is text.
    pub(super) fn header_texts(&self) -> impl Iterator<Item = (String, Value)> {
        self.headers.iter().filter_map(|(name, value)| {
            let name = str::from_utf8(name).ok()?;
            let value = str::from_utf8((*value)?).ok()?;
            Some((name.to_owned(), value.into()))
        })
    }

    /// What a mapping sees as `resource`.
    pub(super) fn resource(&self) -> Map<String, Value> {
        let key = self.key.and_then(|key| str::from_utf8(key).ok());
        [
            ("topic", self.topic.into()),
            ("partition", self.partition.into()),
            ("offset", self.offset.into()),
            ("timestamp", self.timestamp_millis.into()),
            ("key", key.into()),
        ]
        .into_iter()
        .map(|(name, value): (&str, Value)| (name.to_owned(), value))
        .collect()
    }
}
