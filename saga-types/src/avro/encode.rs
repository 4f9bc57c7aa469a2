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
    match version {
        SchemaVersion::V1 => encode_v1(event, framing),
        SchemaVersion::V2 => Ok(encode_v2(event, framing)),
    }
}

/// Writes an event with its frame in version 2 of the schema, which has a symbol for every saga type.
///
/// The same bytes as those of [`encode`] with [`SchemaVersion::V2`].
#[must_use]
pub fn encode_v2(event: &SagaEvent, framing: Framing) -> Vec<u8> {
    let symbol = symbol(&event.saga_type, SchemaVersion::V2);
    let mut bytes = begin(event, SchemaVersion::V2, framing);
    write_fields_of_version_1(event, symbol.unwrap_or(CUSTOM), &mut bytes);
    let name = symbol.is_none().then(|| event.saga_type.as_str());
    write_optional_text(name, &mut bytes);
    bytes
}

fn encode_v1(event: &SagaEvent, framing: Framing) -> Result<Vec<u8>, EncodeError> {
    let symbol = symbol(&event.saga_type, SchemaVersion::V1)
        .ok_or_else(|| EncodeError::SagaTypeNotInVersion1(event.saga_type.clone()))?;
    let mut bytes = begin(event, SchemaVersion::V1, framing);
    write_fields_of_version_1(event, symbol, &mut bytes);
    Ok(bytes)
}

/// The symbol of version 2 for a type that has only a name; it follows those of the known types.
const CUSTOM: usize = SagaType::KNOWN.len();

fn symbol(saga_type: &SagaType, version: SchemaVersion) -> Option<usize> {
    let known = &SagaType::KNOWN[..version.known_saga_types()];
    known.iter().position(|known| known == saga_type)
}

fn begin(event: &SagaEvent, version: SchemaVersion, framing: Framing) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(upper_bound(event));
    framing.write(version, &mut bytes);
    bytes
}

/// A length that the encoded event never exceeds, so that one allocation is enough.
fn upper_bound(event: &SagaEvent) -> usize {
    const FRAME_AND_NUMBERS: usize = 80;
    FRAME_AND_NUMBERS
        + event.event_id.as_str().len()
        + event.saga_id.as_str().len()
        + event.saga_type.as_str().len()
        + event.step.as_str().len()
        + event.order_id.as_str().len()
        + event
            .metadata
            .as_ref()
            .map_or(0, |metadata| metadata.as_str().len())
}

/// Version 2 adds its field at the end.
fn write_fields_of_version_1(event: &SagaEvent, symbol: usize, bytes: &mut Vec<u8>) {
    write_text(event.event_id.as_str(), bytes);
    write_long(event.event_timestamp.as_millis(), bytes);
    write_text(event.saga_id.as_str(), bytes);
    write_index(symbol, bytes);
    write_text(event.step.as_str(), bytes);
    write_index(event.status as usize, bytes);
    write_text(event.order_id.as_str(), bytes);
    write_optional_text(event.metadata.as_ref().map(crate::Metadata::as_str), bytes);
    write_long(event.recorded_at.as_millis(), bytes);
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
