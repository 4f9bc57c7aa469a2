//! Why bytes are not an event.

#[cfg(feature = "resolution")]
use std::fmt::{self, Write as _};

use thiserror::Error;

use crate::{MetadataError, NameError, TimestampError};

/// Why bytes are not a valid event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The record has no value.
    #[error("the value is empty")]
    Empty,
    /// The value is larger than [`MAX_EVENT_BYTES`](super::MAX_EVENT_BYTES).
    #[error("the value has {bytes} bytes, at most {max} are read", max = super::MAX_EVENT_BYTES)]
    TooLarge {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The value starts neither like Confluent's wire format nor like an Avro single object.
    #[error("unknown framing: the value starts with {first_bytes}, expected 00 or C3 01")]
    UnknownFraming {
        /// Up to two first bytes, in hex.
        first_bytes: String,
    },
    /// The fingerprint of an Avro single object is of no schema we know.
    #[error("unknown schema fingerprint {0:016x}")]
    UnknownFingerprint(u64),
    /// The value names a schema in a registry, and no registry is at hand.
    #[error("the value was written with schema id {0} of a registry, but no registry is configured")]
    NoRegistry(u32),
    /// The bytes end before the record does.
    #[error("the bytes end within {field}")]
    Truncated {
        /// The field that is cut.
        field: &'static str,
    },
    /// Bytes are left after the record.
    #[error("{bytes} bytes are left after the record")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// A number does not fit 64 bits.
    #[error("{field} holds a number of more than 64 bits")]
    NumberTooLong {
        /// The field.
        field: &'static str,
    },
    /// A length is negative or a union has no such branch.
    #[error("{field} has the impossible length or branch {value}")]
    Impossible {
        /// The field.
        field: &'static str,
        /// The value read.
        value: i64,
    },
    /// A text is not UTF-8.
    #[error("{field} is not UTF-8")]
    NotUtf8 {
        /// The field.
        field: &'static str,
    },
    /// An enum has no such symbol.
    #[error("{field} has no symbol {symbol}")]
    UnknownSymbol {
        /// The field.
        field: &'static str,
        /// The symbol's name, or its number where only that is known.
        symbol: String,
    },
    /// The saga type is `CUSTOM`, and its name is missing.
    #[error("sagaTypeName is missing though sagaType is CUSTOM")]
    MissingSagaTypeName,
    /// The body does not follow the writer's schema, or does not resolve to ours.
    #[error("the body does not resolve to the event's schema: {reason}")]
    Unresolvable {
        /// What the Avro library says.
        reason: String,
    },
    /// An identifier, step or saga type breaks the rules for names.
    #[error("{field} {error}")]
    InvalidName {
        /// The field.
        field: &'static str,
        /// The rule it breaks.
        error: NameError,
    },
    /// A moment is absurdly far off.
    #[error("{field}: {error}")]
    InvalidTimestamp {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        error: TimestampError,
    },
    /// The metadata breaks its rules.
    #[error("metadata {0}")]
    InvalidMetadata(MetadataError),
}

impl DecodeError {
    /// The field that is wrong, where it is one.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Truncated { field }
            | Self::NumberTooLong { field }
            | Self::Impossible { field, .. }
            | Self::NotUtf8 { field }
            | Self::UnknownSymbol { field, .. }
            | Self::InvalidName { field, .. }
            | Self::InvalidTimestamp { field, .. } => Some(field),
            Self::MissingSagaTypeName => Some("sagaTypeName"),
            Self::InvalidMetadata(_) => Some("metadata"),
            Self::Empty
            | Self::TooLarge { .. }
            | Self::UnknownFraming { .. }
            | Self::UnknownFingerprint(_)
            | Self::NoRegistry(_)
            | Self::TrailingBytes { .. }
            | Self::Unresolvable { .. } => None,
        }
    }

    /// A name of the kind of error from a small set, such as `TRUNCATED`; fit for a metric's label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::UnknownFraming { .. } => "UNKNOWN_FRAMING",
            Self::UnknownFingerprint(_) => "UNKNOWN_FINGERPRINT",
            Self::NoRegistry(_) => "NO_REGISTRY",
            Self::Truncated { .. } => "TRUNCATED",
            Self::TrailingBytes { .. } => "TRAILING_BYTES",
            Self::NumberTooLong { .. } | Self::Impossible { .. } => "MALFORMED",
            Self::NotUtf8 { .. } => "NOT_UTF8",
            Self::UnknownSymbol { .. } => "UNKNOWN_SYMBOL",
            Self::MissingSagaTypeName => "MISSING_SAGA_TYPE_NAME",
            Self::Unresolvable { .. } => "UNRESOLVABLE",
            Self::InvalidName { .. } => "INVALID_NAME",
            Self::InvalidTimestamp { .. } => "INVALID_TIMESTAMP",
            Self::InvalidMetadata(_) => "INVALID_METADATA",
        }
    }
}

/// Why a schema cannot be a writer's.
#[cfg(feature = "resolution")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The text is not an Avro schema.
    #[error("not an Avro schema: {0}")]
    NotASchema(String),
    /// Data of this schema cannot be read as an event.
    #[error("the schema does not resolve to the event's: {0}")]
    Incompatible(String),
    /// A type contains itself, so a small value could be nested without end.
    #[error("the schema is recursive")]
    Recursive,
    /// A list has elements without bytes, or records double with each type that they name.
    #[error("a few bytes of the schema could be millions of values")]
    Unbounded,
    /// Types stand too deeply within each other, by their places or by their names.
    #[error("at most {max} types of a schema may stand within each other", max = super::limits::MOST_DEPTH)]
    TooDeep,
    /// It has too many types.
    #[error("a schema may have at most {max} types", max = super::limits::MOST_TYPES)]
    TooManyTypes,
    /// The library would need too much memory for it: it keeps each named type with a copy of all that stands within it.
    #[error("the types of the schema repeat each other too much, or have too many names")]
    TooLarge,
    /// A name, a namespace or a symbol is longer than they are.
    #[error("a name of the schema has {bytes} bytes, at most {max} are read", max = super::limits::MOST_NAME_BYTES)]
    NameTooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// A fixed type is longer than any value that is read.
    #[error("a fixed type has {bytes} bytes, at most {max} are read", max = super::MAX_EVENT_BYTES)]
    FixedTooLarge {
        /// How many bytes it has.
        bytes: usize,
    },
}

/// The longest reason that comes from the Avro library, in bytes. It may repeat all of a schema or of a value.
#[cfg(feature = "resolution")]
const REASON_BYTES: usize = 300;

/// An error of the Avro library in words, of which the beginning is enough.
#[cfg(feature = "resolution")]
pub(super) fn short(error: &impl fmt::Display) -> String {
    let mut beginning = Beginning::default();
    match write!(beginning, "{error}") {
        Ok(()) => beginning.0,
        Err(fmt::Error) => beginning.0 + "…",
    }
}

/// Takes as much as a reason may have, and no more is formatted.
#[cfg(feature = "resolution")]
#[derive(Default)]
struct Beginning(String);

#[cfg(feature = "resolution")]
impl fmt::Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.len() + character.len_utf8() > REASON_BYTES {
                return Err(fmt::Error);
            }
            self.0.push(character);
        }
        Ok(())
    }
}
