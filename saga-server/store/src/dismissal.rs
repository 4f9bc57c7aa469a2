//! The port for dismissing dead letters, and for taking that back.
//!
//! Rule of thumb: a letter is dismissed only while it waits and restored only while it is dismissed, each time by the
//! transaction that writes the log of operations; so of two operators at once one does it, and the log says who.

use async_trait::async_trait;
use saga_types::Timestamp;

use super::{Actor, LetterFilter, LetterState, StoreError};

/// The part of a store that dismisses letters.
#[async_trait]
pub trait DismissalStore: Send + Sync {
    /// How many letters that match a filter could be dismissed or restored; at most [`Disposal::COUNTED`] and one.
    async fn count_disposable(&self, filter: &LetterFilter, disposal: Disposal) -> Result<u64, StoreError>;

    /// Dismisses or restores letters that match a filter, the oldest first, at most `limit`, and writes an entry of the log for
    /// each, in one transaction. Gives their ids.
    async fn dispose(
        &self,
        filter: &LetterFilter,
        order: &DisposalOrder,
        limit: u32,
    ) -> Result<Vec<i64>, StoreError>;
}

/// What is done to a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposal {
    /// One that waits is dismissed.
    Dismiss,
    /// One that was dismissed waits again, unless its content was erased.
    Restore,
}

impl Disposal {
    /// Counts are exact up to here.
    pub const COUNTED: u64 = 10_000;

    /// The state of a letter before and after.
    #[must_use]
    pub const fn states(self) -> (LetterState, LetterState) {
        match self {
            Self::Dismiss => (LetterState::Waiting, LetterState::Dismissed),
            Self::Restore => (LetterState::Dismissed, LetterState::Waiting),
        }
    }
}

/// Who disposes of letters, how and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisposalOrder {
    /// What is done.
    pub disposal: Disposal,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub note: Option<String>,
}
