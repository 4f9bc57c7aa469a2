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

#[cfg(feature = "resolution")]
mod bounds;
#[cfg(feature = "resolution")]
mod decimal;
mod decode;
mod encode;
mod error;
mod frame;
mod limits;
mod partial;
#[cfg(feature = "resolution")]
mod plain_schema;
mod raw;
#[cfg(feature = "resolution")]
mod resolve;
mod schema;
mod writer;

#[cfg(feature = "resolution")]
pub use decimal::decimal_digits;
pub use decode::{decode, decode_single_object};
pub use encode::{EncodeError, encode, encode_v2};
pub use error::DecodeError;
#[cfg(feature = "resolution")]
pub use error::SchemaError;
pub use frame::{Frame, Framing};
pub use limits::MAX_EVENT_BYTES;
pub use partial::{PartialEvent, PartialField};
#[cfg(feature = "resolution")]
pub use plain_schema::{BoundedSchema, bounded_schema};
#[cfg(feature = "resolution")]
pub use resolve::ResolvedSchema;
pub use schema::SchemaVersion;
pub use writer::WriterSchema;
