//! The transactional outbox on real databases: PostgreSQL and SQLite, real Kafka, and Debezium.
//!
//! Run by `scripts/parts run kafka postgres debezium -- cargo test -p saga-sdk --features outbox`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[macro_use]
mod harness;

mod databases;
mod debezium;
mod kafka;
mod migrations;
mod publishing;
mod refusals;
mod relays;
#[path = "../support/mod.rs"]
mod support;
mod topic;
mod transactions;
