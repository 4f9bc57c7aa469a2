//! The ways in beside the SDK: what comes over HTTP, as events on the topic.
//!
//! `saga-web` answers the requests. This depends on `saga-types`, whose rules an event must keep, and on `saga-sdk`, which writes
//! to Kafka; it knows no database.
//!
//! The parts, in the order in which a body meets them:
//!
//! | part | what |
//! | --- | --- |
//! | [`config`] | how much is taken at once, and for how long an answer may wait for the broker |
//! | [`budget`] | the memory of all bodies together, and one caller's share of it |
//! | [`body`] | a body, read and unpacked within its limits |
//! | `format` | what a body says that it holds |
//! | `document` | a JSON object, field by field |
//! | `event` | an event of a JSON object, checked by the rules of the SDK |
//! | `event_id` | the id of an event that has none of its own |
//! | `cloud_events` | the envelope of CloudEvents, in its three modes |
//! | [`mapping`] | an event of a document that is none, by the rules of its source |
//! | [`source`] | records of topics that exist already, as documents for the mapping of their source |
//! | `batch` | the events of one body, each with a result |
//! | [`otlp`] | spans and log records of OpenTelemetry, those that are steps |
//! | [`Gateway`], `error` | from a body to its results, or why none of it was looked at |
//! | [`publish`] | to the topic, and what the broker said |
//! | [`results`] | what callers are answered |
//!
//! Rule of thumb: an event counts as accepted when the broker has acknowledged it, and never before.

mod batch;
pub mod body;
pub mod budget;
mod cloud_events;
pub mod config;
#[cfg(test)]
mod depth_tests;
mod document;
mod error;
mod event;
mod event_id;
mod format;
mod gateway;
pub mod mapping;
pub mod otlp;
pub mod publish;
pub mod results;
pub mod source;

pub use config::GatewayConfig;
pub use error::RequestError;
pub use format::{UnsupportedEncoding, UnsupportedFormat};
pub use gateway::{Gateway, Received};
