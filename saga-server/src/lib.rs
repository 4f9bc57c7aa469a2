//! `saga-server`: the reference collector of Saga Tracker, from Kafka to a database, and from there to REST, pages and metrics.
//!
//! It puts the packages `saga-store`, `saga-collector` and `saga-web` together, from configuration to shutdown.
//!
//! | part | what |
//! | --- | --- |
//! | [`cli`] | the commands |
//! | [`config`] | file, environment and flags, resolved and checked |
//! | [`server`] | one running collector: all parts started, supervised and stopped together |
//! | [`dev`] | all of it in one process, broker and database included; [`EmbeddedTracker`] for tests |

pub mod cli;
pub mod config;
pub mod dev;
pub mod server;

pub use dev::EmbeddedTracker;
