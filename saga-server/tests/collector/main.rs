//! The collector on real parts: Apache Kafka, PostgreSQL, a schema registry, Prometheus, clients in other languages.
//!
//! `scripts/parts run kafka postgres pgbouncer debezium registry python jvm prometheus -- cargo test -p saga-server --test collector`
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;
mod client_faults;
mod damaged_batch;
mod dead_letters;
mod gateway;
mod generated_clients;
mod hostile_records;
mod jobs;
mod jvm_example;
mod monitoring;
mod openapi;
mod other_languages;
mod otlp;
mod outage;
mod paused;
mod permissions;
mod pipeline;
mod poison;
mod pooler;
mod replay_refused;
mod restore;
mod retention;
mod schema_registry;
mod secrets;
mod sources;
mod stalls;
#[path = "../support/mod.rs"]
mod support;
mod telemetry;
#[cfg(feature = "ssl")]
mod tls;
mod topic_again;
mod watching;
mod webhooks;
