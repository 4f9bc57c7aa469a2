//! What one collector of several does at regular intervals: find late sagas, learn what is usual, unite what is known of producers, remove what
//! has been there long enough.
//!
//! | part | what |
//! | --- | --- |
//! | `lease` | work that one collector of several does |
//! | `overdue` | late sagas: found, counted, reported once |
//! | `usual` | what is usual, learnt and read |
//! | `producers` | what batches showed of producers, merged, and events that never came |
//! | `retention` | what has been there long enough, removed |
//! | `failure_groups` | groups of failures and causes of letters that older versions stored without |
//! | `config` | when sagas and events are late, and how long sagas stay |

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
