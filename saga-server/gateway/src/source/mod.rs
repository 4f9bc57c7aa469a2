//! Records of topics that exist already, as documents for the mapping of their source.
//!
//! | part | what |
//! | --- | --- |
//! | `format` | what the records of a source hold |
//! | `record` | a record, and what a mapping sees of where it comes from |
//! | `document`, `decimal` | JSON as Kafka Connect writes it: with its schema around it, an object as a text, a decimal as bytes |
//! | `cloud_event` | a CloudEvent whose attributes are in the headers, or around its data |
//! | `outbox`, `change` | rows of an outbox, and rows that changed, as Debezium writes them |
//! | `connector` | what it writes in place of a change or of a value |
//!
//! Rule of thumb: a record that its format does not describe is undecodable; one without a value is no document, and ignored, as is what a
//! connector writes of itself.

mod change;
mod cloud_event;
mod connector;
mod decimal;
mod document;
mod format;
mod outbox;
mod record;

use std::sync::Arc;

use saga_types::{SagaEvent, Timestamp};

pub use format::SourceFormat;
pub use record::{SourceRecord, SourceValue};

use crate::{
    cloud_events::Opened,
    event::Envelope,
    gateway::Gateway,
    mapping::{Input, Mapped},
};

/// Makes events of the records of one source.
pub struct SourceMapper {
    gateway: Arc<Gateway>,
    name: String,
    format: SourceFormat,
}

/// What becomes of a record.
#[derive(Debug, PartialEq)]
pub enum MappedRecord {
    /// This event.
    Event(Box<SagaEvent>),
    /// It has no value, or no rule takes it.
    Ignored,
    /// It is not what its format says, for this reason.
    Undecodable(String),
    /// A rule takes it, and cannot make an event of it, for this reason.
    Refused(String),
}

impl SourceMapper {
    /// By the mapping that the gateway has for a source; `None` when it has none.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, name: &str, format: SourceFormat) -> Option<Self> {
        gateway.mapping(name)?;
        Some(Self {
            gateway,
            name: name.to_owned(),
            format,
        })
    }

    /// Makes an event of a record.
    #[must_use]
    pub fn map(&self, record: &SourceRecord<'_>) -> MappedRecord {
        let opened = match opened(self.format, record, &self.name) {
            Ok(Some(opened)) => opened,
            Ok(None) => return MappedRecord::Ignored,
            Err(reason) => return MappedRecord::Undecodable(reason),
        };
        let Some(mapping) = self.gateway.mapping(&self.name) else {
            return MappedRecord::Refused(format!("there is no mapping {:?}", self.name));
        };
        let input = Input {
            event: &opened.data,
            attributes: opened.attributes,
            resource: record.resource(),
        };
        // What is written again, at another time, must not be the same event with other content.
        let envelope = match opened.envelope {
            Envelope {
                event_id: None,
                row: None,
                recorded_at,
            } => record.envelope(&self.name, recorded_at),
            known => known,
        };
        match mapping.map(&input, envelope) {
            Mapped::Event(event) => MappedRecord::Event(event),
            Mapped::Ignored => MappedRecord::Ignored,
            Mapped::Refused(reason) => MappedRecord::Refused(reason),
        }
    }
}

/// A record as its format describes it; `None` when it is no document at all.
pub(crate) fn opened(
    format: SourceFormat,
    record: &SourceRecord<'_>,
    source: &str,
) -> Result<Option<Opened>, String> {
    let Some(value) = &record.value else {
        return Ok(None);
    };
    let text = value.text(format)?;
    match format {
        SourceFormat::Json | SourceFormat::Avro => {
            document::check_object(text)?;
            Ok(Some(plain(text, record)))
        }
        SourceFormat::CloudEvents => cloud_event::open(text, record).map(Some),
        SourceFormat::DebeziumOutbox => outbox::open(text, record),
        SourceFormat::Debezium => change::open(text, record, source),
    }
}

/// The document itself, with the record's headers as its attributes.
fn plain(text: &str, record: &SourceRecord<'_>) -> Opened {
    Opened {
        envelope: Envelope::default(),
        attributes: record.header_texts().collect(),
        data: text.to_owned(),
    }
}

/// A time in milliseconds since 1970, as Debezium writes it, perhaps as a text: 0 stands for none.
fn millis(text: &str) -> Option<Timestamp> {
    let millis: i64 = text.trim_matches('"').parse().ok()?;
    Timestamp::from_millis(millis).ok().filter(|_| millis > 0)
}

#[cfg(test)]
mod debezium_tests;
#[cfg(test)]
mod seen_tests;
#[cfg(test)]
mod tests;
