//! Jobs: one operation on many sagas or dead letters, done by the collector that holds the lease.
//!
//! Rule of thumb: the runner may end at any moment, and two may run at once after a pause. The transaction that changes an item
//! stores its result, and only while it has none; what has no result is done by the next runner.
//!
//! | part | what |
//! | --- | --- |
//! | `runner` | which job is worked on, and until when |
//! | `sagas` | statuses that are set |
//! | `acknowledging` | sagas that somebody takes care of |
//! | `letters` | dead letters that are replayed, dismissed or restored |

mod acknowledging;
mod letters;
mod runner;
mod sagas;

pub use acknowledging::judge_care;
pub use letters::judge_letter;
pub use runner::JobRunner;
pub use sagas::judge_saga;

use saga_store::{DoneItem, ItemResult, JobItem};
use thiserror::Error;

use crate::dead_letters::ReplayError;
use saga_store::StoreError;

/// Why items were not done. They are tried again.
#[derive(Debug, Error)]
pub(crate) enum JobError {
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Dead letters could not be tried.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// The longest message of an item, in characters.
const MAX_MESSAGE_CHARS: usize = 500;

fn done(item: &JobItem, result: ItemResult, message: Option<String>) -> DoneItem {
    DoneItem {
        number: item.number,
        result,
        message: message.map(|message| message.chars().take(MAX_MESSAGE_CHARS).collect()),
        before: None,
        after: None,
    }
}
