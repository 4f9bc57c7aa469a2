//! Events to bytes.

use thiserror::Error;

use super::{Framing, SchemaVersion};
use crate::{SagaEvent, SagaType};

/// Why an event cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Version 1 knows only `ORDER_CREATION` and `PAYMENT_COMPLETION`.
    #[error("saga type {0} cannot be written in version 1 of the schema")]
    SagaTypeNotInVersion1(SagaType),
}

/// Writes an event with its frame.
///
/// # Errors
///
/// [`EncodeError`] when the version has no symbol for the saga type; version 2 takes every type.
///
/// ```
/// use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, steps};
/// use saga_types::avro::{self, Framing, SchemaVersion};
///
/// let event = SagaEvent::new(
///     "evt-1".parse()?, "saga-1".parse()?, "order-1".parse()?,
///     SagaType::ORDER_CREATION, steps::ORDER_CREATED, SagaStatus::Started,
///     Timestamp::from_millis(1_700_000_000_000)?,
/// );
/// let bytes = avro::encode(&event, SchemaVersion::V2, Framing::SingleObject)?;
/// assert_eq!(bytes[..2], [0xC3, 0x01]);
/// assert_eq!(avro::decode_single_object(&bytes)?, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(event: &SagaEvent, version: SchemaVersion, framing: Framing) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::with_capacity(upper_bound(event));
    framing.write(version, &mut bytes);
    write_body(event, version, &mut bytes)?;
    Ok(bytes)
}

/// A length that the encoded event never exceeds, so that one allocation is enough.
fn upper_bound(event: &SagaEvent) -> usize {
    const FRAME_AND_NUMBERS: usize = 80;
    FRAME_AND_NUMBERS
        + event.event_id.len()
        + event.saga_id.len()
        + event.saga_type.as_str().len()
        + event.step.as_str().len()
        + event.order_id.len()
        + event
            .metadata
            .as_ref()
            .map_or(0, |metadata| metadata.as_str().len())
}

fn write_body(event: &SagaEvent, version: SchemaVersion, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
    let symbol = SagaType::KNOWN.iter().position(|known| *known == event.saga_type);
    let symbol = symbol.filter(|index| *index < version.known_saga_types());
    if symbol.is_none() && version == SchemaVersion::V1 {
        return Err(EncodeError::SagaTypeNotInVersion1(event.saga_type.clone()));
    }
    write_text(&event.event_id, bytes);
    write_long(event.event_timestamp.as_millis(), bytes);
    write_text(&event.saga_id, bytes);
    write_index(symbol.unwrap_or(SagaType::KNOWN.len()), bytes);
    write_text(event.step.as_str(), bytes);
    write_index(event.status as usize, bytes);
    write_text(&event.order_id, bytes);
    write_optional_text(event.metadata.as_ref().map(crate::Metadata::as_str), bytes);
    write_long(event.recorded_at.as_millis(), bytes);
    if version == SchemaVersion::V2 {
        let name = symbol.is_none().then(|| event.saga_type.as_str());
        write_optional_text(name, bytes);
    }
    Ok(())
}

fn write_optional_text(text: Option<&str>, bytes: &mut Vec<u8>) {
    match text {
        None => write_index(0, bytes),
        Some(text) => {
            write_index(1, bytes);
            write_text(text, bytes);
        }
    }
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    write_index(text.len(), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

/// Lengths, branches and symbols; all far below the limit of a long.
fn write_index(index: usize, bytes: &mut Vec<u8>) {
    write_long(i64::try_from(index).unwrap_or(i64::MAX), bytes);
}

/// Avro's long: zigzag, then seven bits a byte, the lowest first.
#[expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "zigzag works on the bits"
)]
fn write_long(value: i64, bytes: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}
