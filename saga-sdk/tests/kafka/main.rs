//! The client against real Kafka. Each test has a topic of its own.
//!
//! Run by `scripts/parts run kafka -- cargo test -p saga-sdk`.
#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod delivery;
mod modes;
mod oauth;
mod support;
mod topic_lost;
