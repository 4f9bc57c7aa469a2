//! What every adapter of the store must do, on PostgreSQL and on SQLite, and what only one of them can do.
//!
//! `scripts/parts run postgres -- cargo test -p saga-store --test contract`
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod distributed;
mod moving;
mod postgres;
mod silence;
mod sqlite;
mod suite;
