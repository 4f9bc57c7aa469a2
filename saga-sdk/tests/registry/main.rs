//! The client with a schema registry: a real one, and a stub for its faults.
//!
//! Run by `scripts/parts run kafka registry -- cargo test -p saga-sdk --features schema-registry,outbox`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod faults;
mod harness;
#[cfg(feature = "outbox")]
mod outbox;
mod real;
mod stub;
#[path = "../support/mod.rs"]
mod support;
