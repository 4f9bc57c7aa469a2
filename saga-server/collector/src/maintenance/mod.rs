//! What one collector of several does at regular intervals: find late sagas, unite what is known of producers, let old sagas
//! leave.

mod config;
mod lease;
mod overdue;
pub mod producers;
pub mod retention;

pub use config::{RetentionConfig, WatchConfig};
pub use overdue::{Monitor, due};
