//! The reference collector of Saga Tracker: from Kafka to a database, and from there to REST and metrics.
//!
//! The parts, in the order in which an event meets them:
//!
//! | part | what |
//! | --- | --- |
//! | [`ingest`] | consume, decode, store, commit; what cannot be stored goes to the dead letter topic |
//! | [`dead_letters`] | what could not be stored, brought back from its topic, shown and replayed |
//! | [`store`] | the port to the database and its two adapters, PostgreSQL and SQLite |
//! | [`live`] | sagas as they change, for those who look on |
//! | [`freshness`] | up to which moment everything is stored |
//! | [`retention`], [`archive`] | what ended long ago leaves the database, and where it stays |
//! | [`auth`] | who is calling, and what they may do |
//! | [`redaction`] | what of the metadata nobody is shown |
//! | [`rest`], `ui` | the answers, for programs and for people |
//! | [`watch`] | what is late, in metrics and in the log, by one collector of several |
//! | [`producers`] | who records events, and which of them never came, by one collector of several |
//! | [`server`] | one running collector: all of the above, started and ended together |
//! | [`dev`] | all of it in one process, broker and database included; [`EmbeddedTracker`] for tests |
//! | [`health`], [`metrics`], [`telemetry`] | what the collector says of itself |
//! | [`http`] | calls to others |
//! | [`config`], [`cli`] | how it is told what to do |

pub mod archive;
pub mod auth;
mod backoff;
pub mod cli;
pub mod config;
pub mod dead_letters;
pub mod dev;
pub mod freshness;
pub mod health;
pub mod http;
pub mod ingest;
pub mod live;
pub mod metrics;
pub mod producers;
pub mod redaction;
pub mod rest;
pub mod retention;
pub mod server;
pub mod store;
pub mod telemetry;
mod ui;
pub mod watch;

pub use dev::EmbeddedTracker;
