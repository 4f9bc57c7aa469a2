//! Raw records to events, and why a record is no event.

use std::{collections::BTreeSet, time::Duration};

use saga_types::{
    Metadata, SagaEvent, Timestamp,
    avro::{self, DecodeError, Frame, SchemaVersion, WriterSchema},
};
use tokio_util::sync::CancellationToken;

use super::{RegistryConfig, rejection::Rejection, schema_registry::Registry, wait_reports::WaitReports};
use crate::{failure, kafka::record::RawRecord};

/// A record's value, taken apart.
pub(crate) type Framed<'a> = Result<Frame<'a>, DecodeError>;

/// Takes the values of records apart.
pub(crate) fn frames(records: &[RawRecord]) -> Vec<Framed<'_>> {
    let values = records.iter().map(|record| record.value().unwrap_or_default());
    values.map(Frame::parse).collect()
}

/// Reads records, with the help of a registry if there is one.
pub(crate) struct Decoder {
    registry: Option<Registry<WriterSchema>>,
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
        failure::without_panic(|| self.read(frame))
            .unwrap_or_else(|reason| Err(Rejection::not_understood(reason)))
    }

    fn read(&self, frame: Framed<'_>) -> Result<SagaEvent, Rejection> {
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
        admit(event)
    }
}

/// Refuses what only a correction may be: an override with its mark, and an event that nothing can be later than.
fn admit(event: SagaEvent) -> Result<SagaEvent, Rejection> {
    const DAY: Duration = Duration::from_secs(86_400);
    let via = event.metadata.as_ref().and_then(Metadata::corrected_via);
    if event.step.is_manual_override() && via.is_some() {
        return Err(Rejection::forged(&event));
    }
    if event.recorded_at > Timestamp::MAX.saturating_sub(DAY) {
        return Err(Rejection::at_the_end_of_time(&event));
    }
    Ok(event)
}

fn schema_ids(frames: &[Framed<'_>]) -> BTreeSet<u32> {
    let ids = frames.iter().filter_map(|frame| match frame {
        Ok(Frame::Confluent { schema_id, .. }) => Some(*schema_id),
        _ => None,
    });
    ids.collect()
}

#[cfg(test)]
mod tests {
    use saga_types::{SagaStatus, avro::Framing, keys, steps};

    use super::*;
    use crate::test_events;

    fn event(metadata: &str, recorded_at: Timestamp) -> SagaEvent {
        test_events::event(
            "saga-1",
            "event-1",
            steps::MANUAL_STATUS_OVERRIDE,
            SagaStatus::Failed,
            recorded_at,
        )
        .with_metadata(Metadata::parse(metadata).unwrap())
    }

    fn decoded(event: &SagaEvent) -> Result<SagaEvent, Rejection> {
        let value = avro::encode(event, SchemaVersion::V2, Framing::SingleObject).unwrap();
        Decoder::new(None).decode_value(&value)
    }

    #[test]
    fn an_override_with_the_mark_of_a_correction_is_forged() {
        let now = Timestamp::now();
        let forged = event(r#"{"actor":"dana","correctedVia":"REST"}"#, now);
        let refused = decoded(&forged).unwrap_err();
        assert_eq!(refused.kind, "FORGED_CORRECTION");
        assert!(refused.reason.contains(keys::CORRECTED_VIA), "{}", refused.reason);
        for metadata in [
            r#"{"actor":"dana"}"#,
            r#"{"correctedVia":1}"#,
            r#"{"correctedvia":"REST"}"#,
        ] {
            let taken = event(metadata, now);
            assert_eq!(decoded(&taken), Ok(taken));
        }
    }

    #[test]
    fn an_event_leaves_room_for_later_corrections() {
        let last = Timestamp::from_millis(Timestamp::MAX.as_millis() - 86_400_000).unwrap();
        let taken = event("{}", last);
        assert_eq!(decoded(&taken), Ok(taken));
        for millis in [last.as_millis() + 1, Timestamp::MAX.as_millis()] {
            let late = event("{}", Timestamp::from_millis(millis).unwrap());
            assert_eq!(decoded(&late).unwrap_err().kind, "INVALID_TIMESTAMP");
        }
    }
}
