//! Bytes to events. Nothing here panics or allocates by a length that the bytes only claim.

use super::{DecodeError, Frame, SchemaVersion, WriterSchema, raw::RawEvent};
use crate::{SagaEvent, SagaStatus, SagaType};

/// Reads a body that was written with the given schema.
///
/// # Errors
///
/// [`DecodeError`] when the body does not follow the schema, has bytes left over, or is not a valid event.
pub fn decode(body: &[u8], writer: &WriterSchema) -> Result<SagaEvent, DecodeError> {
    match writer {
        WriterSchema::Version(version) => RawEvent::read(body, *version)?.check(),
        #[cfg(feature = "resolution")]
        WriterSchema::Other(schema) => schema.decode(body),
    }
}

/// Reads an Avro single object of a published version, for readers without a registry.
///
/// # Errors
///
/// [`DecodeError`] as for [`decode`], and when the frame is another one or the schema unknown.
pub fn decode_single_object(value: &[u8]) -> Result<SagaEvent, DecodeError> {
    match Frame::parse(value)? {
        Frame::SingleObject { fingerprint, body } => {
            let version = SchemaVersion::by_fingerprint(fingerprint)
                .ok_or(DecodeError::UnknownFingerprint(fingerprint))?;
            decode(body, &version.into())
        }
        Frame::Confluent { schema_id, .. } => Err(DecodeError::NoRegistry(schema_id)),
    }
}

impl<'a> RawEvent<'a> {
    fn read(body: &'a [u8], version: SchemaVersion) -> Result<Self, DecodeError> {
        let mut reader = Reader { rest: body };
        let raw = Self {
            event_id: reader.text("eventId")?,
            event_timestamp: reader.long("eventTimestamp")?,
            saga_id: reader.text("sagaId")?,
            saga_type: reader.saga_type(version)?,
            step: reader.text("step")?,
            status: reader.status()?,
            order_id: reader.text("orderId")?,
            metadata: reader.optional_text("metadata")?,
            recorded_at: reader.long("recordedAt")?,
            saga_type_name: match version {
                SchemaVersion::V1 => None,
                SchemaVersion::V2 => reader.optional_text("sagaTypeName")?,
            },
        };
        match reader.rest.len() {
            0 => Ok(raw),
            bytes => Err(DecodeError::TrailingBytes { bytes }),
        }
    }
}

/// The fields in their order on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    Text(&'static str),
    OptionalText(&'static str),
    Long(&'static str),
    SagaType,
    Status,
}

impl Field {
    /// Those of a version, as [`RawEvent::read`] reads them.
    pub(super) const fn of(version: SchemaVersion) -> &'static [Self] {
        const ALL: &[Field] = &[
            Field::Text("eventId"),
            Field::Long("eventTimestamp"),
            Field::Text("sagaId"),
            Field::SagaType,
            Field::Text("step"),
            Field::Status,
            Field::Text("orderId"),
            Field::OptionalText("metadata"),
            Field::Long("recordedAt"),
            Field::OptionalText("sagaTypeName"),
        ];
        const FIRST: &[Field] = ALL.split_at(9).0;
        match version {
            SchemaVersion::V1 => FIRST,
            SchemaVersion::V2 => ALL,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::OptionalText(name) | Self::Long(name) => name,
            Self::SagaType => "sagaType",
            Self::Status => "status",
        }
    }
}

pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A field as a text; none when it is null.
    pub(super) fn any(
        &mut self,
        field: Field,
        version: SchemaVersion,
    ) -> Result<Option<String>, DecodeError> {
        let text = match field {
            Field::Text(name) => self.text(name)?.to_owned(),
            Field::OptionalText(name) => return Ok(self.optional_text(name)?.map(str::to_owned)),
            Field::Long(name) => self.long(name)?.to_string(),
            Field::SagaType => self.saga_type(version)?.to_owned(),
            Field::Status => self.status()?.to_string(),
        };
        Ok(Some(text))
    }

    fn text(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        let length = self.long(field)?;
        let length_in_memory =
            usize::try_from(length).map_err(|_| DecodeError::Impossible { field, value: length })?;
        let (text, rest) = self
            .rest
            .split_at_checked(length_in_memory)
            .ok_or(DecodeError::Truncated { field })?;
        self.rest = rest;
        str::from_utf8(text).map_err(|_| DecodeError::NotUtf8 { field })
    }

    fn optional_text(&mut self, field: &'static str) -> Result<Option<&'a str>, DecodeError> {
        match self.long(field)? {
            0 => Ok(None),
            1 => self.text(field).map(Some),
            value => Err(DecodeError::Impossible { field, value }),
        }
    }

    fn saga_type(&mut self, version: SchemaVersion) -> Result<&'static str, DecodeError> {
        const SYMBOLS: [&str; 5] = [
            "ORDER_CREATION",
            "PAYMENT_COMPLETION",
            "REFUND",
            "STORE_REGISTRATION",
            SagaType::CUSTOM_SYMBOL,
        ];
        let known = match version {
            SchemaVersion::V1 => &SYMBOLS[..version.known_saga_types()],
            SchemaVersion::V2 => &SYMBOLS[..],
        };
        self.symbol("sagaType", known)
    }

    fn status(&mut self) -> Result<SagaStatus, DecodeError> {
        self.symbol("status", &SagaStatus::ALL)
    }

    fn symbol<T: Copy>(&mut self, field: &'static str, symbols: &[T]) -> Result<T, DecodeError> {
        let index = self.long(field)?;
        usize::try_from(index)
            .ok()
            .and_then(|position| symbols.get(position).copied())
            .ok_or_else(|| DecodeError::UnknownSymbol {
                field,
                symbol: format!("number {index}"),
            })
    }

    /// Avro's long: seven bits a byte, the lowest first, then zigzag.
    fn long(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        const MAX_BYTES: usize = 10;
        let mut zigzag = 0_u64;
        for (position, byte) in self.rest.iter().enumerate().take(MAX_BYTES) {
            let is_last_possible = position == MAX_BYTES - 1;
            if is_last_possible && *byte > 1 {
                return Err(DecodeError::NumberTooLong { field });
            }
            zigzag |= u64::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[position + 1..];
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(DecodeError::Truncated { field })
    }
}
