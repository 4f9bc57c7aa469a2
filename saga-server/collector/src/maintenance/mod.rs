//! What one collector of several does at regular intervals: find late sagas, unite what is known of producers, remove what
//! has been there long enough.

mod config;
mod lease;
mod overdue;
pub mod producers;
pub mod retention;

pub use config::{RetentionConfig, RetentionPeriods, WatchConfig};
pub use overdue::{Monitor, due};
