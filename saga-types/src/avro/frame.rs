//! The bytes before the body, which identify the writer's schema.

use super::{DecodeError, MAX_EVENT_BYTES, SchemaVersion};

const CONFLUENT_MAGIC: u8 = 0;
const CONFLUENT_HEADER: usize = 5;
const SINGLE_OBJECT_MAGIC: [u8; 2] = [0xC3, 0x01];
const SINGLE_OBJECT_HEADER: usize = 10;

/// How a writer frames the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Avro single-object encoding: C3 01 and the schema's fingerprint. Needs no registry.
    SingleObject,
    /// Confluent wire format: 0 and the schema's id in the registry.
    Confluent {
        /// The id that the registry gave the schema.
        schema_id: u32,
    },
}

impl Framing {
    /// Writes the bytes before the body.
    pub(super) fn write(self, version: SchemaVersion, bytes: &mut Vec<u8>) {
        match self {
            Self::SingleObject => {
                bytes.extend_from_slice(&SINGLE_OBJECT_MAGIC);
                bytes.extend_from_slice(&version.fingerprint().to_le_bytes());
            }
            Self::Confluent { schema_id } => {
                bytes.push(CONFLUENT_MAGIC);
                bytes.extend_from_slice(&schema_id.to_be_bytes());
            }
        }
    }
}

/// A record's value, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// An Avro single object.
    SingleObject {
        /// CRC-64-AVRO of the writer's schema.
        fingerprint: u64,
        /// The Avro body.
        body: &'a [u8],
    },
    /// Confluent wire format.
    Confluent {
        /// The writer schema's id in the registry.
        schema_id: u32,
        /// The Avro body.
        body: &'a [u8],
    },
}

impl<'a> Frame<'a> {
    /// Takes a value apart.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the value is empty, too large, cut, or framed in another way.
    pub fn parse(value: &'a [u8]) -> Result<Self, DecodeError> {
        if value.len() > MAX_EVENT_BYTES {
            return Err(DecodeError::TooLarge { bytes: value.len() });
        }
        match *value {
            [] => Err(DecodeError::Empty),
            [CONFLUENT_MAGIC, ..] => {
                let (header, body) = split_header::<CONFLUENT_HEADER>(value)?;
                let [_, a, b, c, d] = *header;
                Ok(Self::Confluent {
                    schema_id: u32::from_be_bytes([a, b, c, d]),
                    body,
                })
            }
            [first, second, ..] if [first, second] == SINGLE_OBJECT_MAGIC => {
                let (header, body) = split_header::<SINGLE_OBJECT_HEADER>(value)?;
                let [_, _, fingerprint @ ..] = *header;
                Ok(Self::SingleObject {
                    fingerprint: u64::from_le_bytes(fingerprint),
                    body,
                })
            }
            [first] => Err(DecodeError::UnknownFraming {
                first_bytes: format!("{first:02X}"),
            }),
            [first, second, ..] => Err(DecodeError::UnknownFraming {
                first_bytes: format!("{first:02X} {second:02X}"),
            }),
        }
    }
}

fn split_header<const LENGTH: usize>(value: &[u8]) -> Result<(&[u8; LENGTH], &[u8]), DecodeError> {
    value
        .split_first_chunk()
        .ok_or(DecodeError::Truncated { field: "the frame" })
}
