//! Raw records to events, and why a record is no event.

use std::collections::BTreeSet;

use saga_types::{
    SagaEvent,
    avro::{self, DecodeError, Frame, SchemaVersion, WriterSchema},
};
use tokio_util::sync::CancellationToken;

use super::{RegistryConfig, rejection::Rejection, schema_registry::Registry, wait_reports::WaitReports};
use crate::kafka::record::RawRecord;

/// A record's value, taken apart.
pub(crate) type Framed<'a> = Result<Frame<'a>, DecodeError>;

/// Takes the values of records apart.
pub(crate) fn frames(records: &[RawRecord]) -> Vec<Framed<'_>> {
    let values = records.iter().map(|record| record.value().unwrap_or_default());
    values.map(Frame::parse).collect()
}

/// Reads records, with the help of a registry if there is one.
pub(crate) struct Decoder {
    registry: Option<Registry>,
}

impl Decoder {
    pub(crate) fn new(registry: Option<RegistryConfig>) -> Self {
        Self {
            registry: registry.map(Registry::new),
        }
    }

    /// Learns the schemas that the records name, so that [`Decoder::decode`] need not wait. `false` when cancelled while
    /// the registry is unavailable.
    pub(crate) async fn prepare(
        &mut self,
        frames: &[Framed<'_>],
        reports: &WaitReports,
        stop: &CancellationToken,
    ) -> bool {
        let Some(registry) = &mut self.registry else {
            return true;
        };
        registry.learn(&schema_ids(frames), reports, stop).await
    }

    /// Learns the schemas that values name, asking again for those that were unknown before. Does not wait.
    ///
    /// # Errors
    ///
    /// The reason when the registry is unavailable.
    pub(crate) async fn prepare_now<'a>(
        &mut self,
        values: impl Iterator<Item = &'a [u8]> + Send,
    ) -> Result<(), String> {
        let Some(registry) = &mut self.registry else {
            return Ok(());
        };
        let frames: Vec<_> = values.map(Frame::parse).collect();
        registry.learn_now(&schema_ids(&frames)).await
    }

    /// The schema that the registry has under an id, if it was learnt.
    pub(crate) fn schema(&self, id: u32) -> Option<&WriterSchema> {
        self.registry.as_ref()?.schema(id).ok()
    }

    /// Reads the value of a record.
    pub(crate) fn decode_value(&self, value: &[u8]) -> Result<SagaEvent, Rejection> {
        self.decode(Frame::parse(value))
    }

    /// Reads the value of a record that was taken apart.
    pub(crate) fn decode(&self, frame: Framed<'_>) -> Result<SagaEvent, Rejection> {
        let event = match frame? {
            Frame::SingleObject { fingerprint, body } => {
                let version = SchemaVersion::by_fingerprint(fingerprint)
                    .ok_or(DecodeError::UnknownFingerprint(fingerprint))?;
                avro::decode(body, &version.into())?
            }
            Frame::Confluent { schema_id, body } => {
                let registry = self.registry.as_ref().ok_or(DecodeError::NoRegistry(schema_id))?;
                avro::decode(body, registry.schema(schema_id)?)?
            }
        };
        Ok(event)
    }
}

fn schema_ids(frames: &[Framed<'_>]) -> BTreeSet<u32> {
    let ids = frames.iter().filter_map(|frame| match frame {
        Ok(Frame::Confluent { schema_id, .. }) => Some(*schema_id),
        _ => None,
    });
    ids.collect()
}
