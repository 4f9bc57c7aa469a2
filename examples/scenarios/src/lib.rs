//! The three services and a tracker, started together on a real Kafka and PostgreSQL: the harness that the end-to-end
//! scenarios in `tests/` stand on.
//!
//! | part | what |
//! | --- | --- |
//! | [`Harness`] | topics, groups, a database and a folder for one test alone |
//! | [`Shop`] | the services, each in this process, started and stopped one by one |
//! | [`Tracker`] | the collector, and its REST |
//!
//! `scripts/parts run kafka postgres -- cargo test -p scenarios`

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

mod domain_events;
#[path = "../../../saga-server/tests/support/fresh.rs"]
mod fresh;
mod harness;
mod rest;
mod running;
mod services;
mod tracker;

pub use harness::Harness;
pub use rest::Rest;
pub use services::{Placed, Shop};
pub use tracker::Tracker;

use std::time::Duration;

/// How long anything may take before a test gives up on it.
pub const TIMEOUT: Duration = Duration::from_secs(90);
