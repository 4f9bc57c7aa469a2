//! Raw records to events; and why a record is no event.

use std::collections::BTreeSet;

use saga_types::{
    SagaEvent,
    avro::{self, DecodeError, Frame, SchemaVersion, WriterSchema},
};
use tokio_util::sync::CancellationToken;

use super::{RegistryConfig, rejection::Rejection, schema_registry::Registry};
use crate::{health::Health, kafka::record::RawRecord};

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

    /// Learns the schemas that the records name, so that [`Decoder::decode`] need not wait. `false` when asked to stop while
    /// the registry is away.
    pub(crate) async fn prepare(
        &mut self,
        records: &[RawRecord],
        health: &Health,
        stop: &CancellationToken,
    ) -> bool {
        let Some(registry) = &mut self.registry else {
            return true;
        };
        let ids: BTreeSet<u32> = records
            .iter()
            .filter_map(RawRecord::value)
            .filter_map(schema_id)
            .collect();
        registry.learn(&ids, health, stop).await
    }

    /// Learns the schemas that values name, asking again for those that were unknown before. Does not wait.
    ///
    /// # Errors
    ///
    /// The reason when the registry is away.
    pub(crate) async fn prepare_now<'a>(
        &mut self,
        values: impl Iterator<Item = &'a [u8]> + Send,
    ) -> Result<(), String> {
        let Some(registry) = &mut self.registry else {
            return Ok(());
        };
        let ids: BTreeSet<u32> = values.filter_map(schema_id).collect();
        registry.learn_now(&ids).await
    }

    /// The schema that the registry has under an id, if it was learnt.
    pub(crate) fn schema(&self, id: u32) -> Option<&WriterSchema> {
        self.registry.as_ref()?.schema(id).ok()
    }

    /// Reads one record.
    pub(crate) fn decode(&self, record: &RawRecord) -> Result<SagaEvent, Rejection> {
        self.decode_value(record.value().unwrap_or_default())
    }

    /// Reads the value of a record.
    pub(crate) fn decode_value(&self, value: &[u8]) -> Result<SagaEvent, Rejection> {
        let event = match Frame::parse(value)? {
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

fn schema_id(value: &[u8]) -> Option<u32> {
    match Frame::parse(value) {
        Ok(Frame::Confluent { schema_id, .. }) => Some(schema_id),
        _ => None,
    }
}
