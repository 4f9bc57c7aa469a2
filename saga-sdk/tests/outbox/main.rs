//! The transactional outbox on real databases: PostgreSQL and SQLite, real Kafka, and Debezium's router.
//!
//! Run by `scripts/parts run kafka postgres jvm -- cargo test -p saga-sdk --features outbox`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod contract;
mod databases;
mod debezium;
mod kafka;
#[path = "../support/mod.rs"]
mod support;
mod topic;
