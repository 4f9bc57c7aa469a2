//! What `deploy` asks of a running tracker, asked by a real Prometheus and told by a real Alertmanager.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod alertmanager;
mod deployed;
mod prometheus;
mod queries;
mod spike;
