//! What one collector of several does at regular intervals: find late sagas, learn what is usual, unite what is known of producers, remove what
//! has been there long enough.

mod config;
pub mod failure_groups;
pub(crate) mod lease;
mod overdue;
pub mod producers;
pub mod retention;
mod usual;

pub use config::{RetentionConfig, RetentionPeriods, WatchConfig};
pub use overdue::{Monitor, due};
pub use usual::keep_usual;
