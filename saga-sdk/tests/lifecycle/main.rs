//! From the start of a client to its end, and what the process around it may do. On librdkafka's mock cluster.
#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod clocks;
mod closing;
mod harness;
mod process;
mod start;
#[path = "../support/mod.rs"]
mod support;
