//! The wire contract: events to bytes and back, fixed to the byte.
//!
//! Bytes on the topic are a frame around a body. [`Frame::parse`] finds which frame, and so which schema the writer
//! used; [`decode`] reads the body with that schema. [`encode`] and [`encode_v2`] write both.
//!
//! The record has ten fields that never move, so the two published versions are read and written by hand: this is the
//! hot path of every service and of the collector, and several times faster than a general Avro library. Tests hold it
//! to that library and to bytes from two others. Any other writer schema goes through the library (feature
//! `resolution`).
//!
//! ```
//! use saga_types::{avro, steps, SagaEvent, SagaStatus, SagaType, Timestamp};
//!
//! let event = SagaEvent::new(
//!     "evt-1".parse()?, "saga-1".parse()?, "order-1".parse()?,
//!     SagaType::ORDER_CREATION, steps::ORDER_CREATED, SagaStatus::Started, Timestamp::now(),
//! );
//! let bytes = avro::encode(&event, avro::SchemaVersion::V2, avro::Framing::SingleObject)?;
//! assert_eq!(avro::decode_single_object(&bytes)?, event);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decode;
mod encode;
mod error;
mod frame;
#[cfg(feature = "resolution")]
mod resolve;
mod schema;

pub use decode::{decode, decode_single_object};
pub use encode::{EncodeError, encode, encode_v2};
pub use error::DecodeError;
pub use frame::{Frame, Framing};
#[cfg(feature = "resolution")]
pub use resolve::{ResolvedSchema, SchemaError};
pub use schema::{SchemaVersion, WriterSchema};

/// The largest value that is decoded, in bytes. A valid event has less than 40 KiB; the rest is room for fields of
/// writers that we do not know yet.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// The symbol of a saga type that has only a name.
pub(crate) const CUSTOM_SYMBOL: &str = "CUSTOM";
