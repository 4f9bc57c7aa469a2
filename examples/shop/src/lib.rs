//! What the order, product and payment services share, and what has nothing to do with sagas: how a domain event looks,
//! how it gets out of a transaction and into the next service, and how a service starts and ends.
//!
//! Read the services first; they are about `saga-sdk`. The parts, in the order in which a domain event meets them:
//!
//! | part | what |
//! | --- | --- |
//! | [`Config`] | `application.yml`, its profile, and a few variables |
//! | [`DomainEvent`] | what the services tell each other, as JSON |
//! | [`outbox`] | written in the sender's transaction, sent afterwards |
//! | [`Handler`] | the receiver's transaction, once for each event |
//! | [`http`] | errors at the edge |
//! | [`Service`] | all of it, started and ended together |
//! | [`misdirect`] | a record on a topic that is another one's |

#![deny(unsafe_code)]

mod config;
mod consume;
mod database;
mod error;
mod event;
pub mod http;
mod misdirected;
pub mod outbox;
mod program;
mod record;
mod service;
mod topics;

pub use config::{Config, ConfigError, KafkaConfig, Platform, ServiceConfig, load};
pub use consume::Handler;
pub use database::{Database, Work};
pub use error::ShopError;
pub use event::{DomainEvent, Headers, What};
pub use misdirected::misdirect;
pub use program::main;
pub use record::{not_recorded, untracked};
pub use service::{Parts, Service};
pub use tokio_util::sync::CancellationToken;
pub use topics::Topics;
