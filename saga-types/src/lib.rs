//! What a saga is, without any I/O: the types that the SDK, the test kit and the server share.
//!
//! `saga-sdk` and `saga-sdk-testkit` build events with this crate, `saga-server` reads and folds them with
//! it. The parts, in the order in which an event meets them:
//!
//! | part | what |
//! | --- | --- |
//! | [`EventId`], [`SagaId`], [`OrderId`] | checked identifiers |
//! | [`SagaType`], [`Step`], [`steps`], [`SagaStatus`] | names: open sets with constants, and the closed set of statuses |
//! | [`Metadata`], [`Timestamp`], [`length()`] | a checked JSON object as text; milliseconds since 1970; lengths of time in words |
//! | [`SagaEvent`] | one recorded step |
//! | [`avro`] | the wire contract: bytes to events and back |
//! | [`definition`] | what the life of a saga type should look like |
//! | [`fold`] | from a set of events to the state of the saga |
//!
//! ```
//! use saga_types::{definition::Definitions, fold, steps, SagaEvent, SagaStatus, SagaType, Timestamp};
//!
//! let created = SagaEvent::new(
//!     "evt-1".parse()?, "saga-1".parse()?, "order-1".parse()?,
//!     SagaType::ORDER_CREATION, steps::ORDER_CREATED, SagaStatus::Started,
//!     Timestamp::from_millis(1_700_000_000_000)?,
//! );
//! let state = fold::fold([&created], &Definitions::built_in()).expect("one event");
//! assert_eq!(state.current_status, SagaStatus::Started);
//! assert_eq!(state.awaiting[0].step, steps::STOCK_RESERVATION);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `resolution` | off | decoding of events whose writer used another Avro schema that resolves to ours ([`avro::WriterSchema::parse`]); brings in `apache-avro` and `bigdecimal` |
//! | `codegen` | off | `codegen`: constants of types and steps from definition files, for a program's `build.rs` |
//! | `openapi` | off | `utoipa::ToSchema` for everything a [`fold::SagaState`] is made of; brings in `utoipa` |

pub mod avro;
#[cfg(feature = "codegen")]
pub mod codegen;
pub mod definition;
mod event;
pub mod fold;
mod id;
mod length;
mod metadata;
#[cfg(feature = "openapi")]
mod openapi;
mod saga_type;
mod status;
mod step;
mod timestamp;
pub mod topic;

pub use event::SagaEvent;
pub use id::{EventId, MAX_NAME_CHARS, NameError, OrderId, SagaId, is_name};
pub use length::length;
pub use metadata::{MAX_METADATA_BYTES, MAX_METADATA_DEPTH, Metadata, MetadataBuilder, MetadataError, keys};
pub use saga_type::SagaType;
pub use status::{SagaStatus, UnknownStatus};
pub use step::{Step, steps};
pub use timestamp::{Timestamp, TimestampError};
