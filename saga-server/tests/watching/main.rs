//! What the collector says of its own lag and of sagas that are late, of what changes, on a real Apache Kafka and PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod freshness;
mod live;
mod monitor;
mod producers;
