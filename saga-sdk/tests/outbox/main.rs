//! The transactional outbox on real databases: PostgreSQL and SQLite, and real Kafka.
//!
//! Run by `scripts/parts run kafka postgres -- cargo test -p saga-sdk --features outbox`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod contract;
mod databases;
mod kafka;
#[path = "../support/mod.rs"]
mod support;
mod topic;
