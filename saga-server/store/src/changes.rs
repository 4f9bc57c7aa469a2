//! Which sagas were stored just now, for live views.
//!
//! Rule of thumb: storing never waits for a view. What was stored is noted in memory after its transaction, up to a limit; the
//! task that takes it from there announces it to the other collectors.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use saga_types::{SagaEvent, SagaId};
use tokio::sync::mpsc;

use super::{StoreError, StoredSaga};

/// Sagas that were stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// These.
    Sagas(BTreeSet<SagaId>),
    /// So many that they are not named, or unknown ones.
    Many,
}

impl Changes {
    /// More sagas than this at once are not named.
    pub const MOST: usize = 1_000;

    /// None of them.
    #[must_use]
    pub const fn none() -> Self {
        Self::Sagas(BTreeSet::new())
    }

    /// Whether nothing was stored.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Sagas(sagas) if sagas.is_empty())
    }

    /// Adds others.
    pub fn add(&mut self, others: Self) {
        match (&mut *self, others) {
            (Self::Sagas(sagas), Self::Sagas(others)) => {
                sagas.extend(others);
                if sagas.len() > Self::MOST {
                    *self = Self::Many;
                }
            }
            _ => *self = Self::Many,
        }
    }
}

/// What was stored through one store and not taken yet.
#[derive(Debug)]
pub struct ChangedSagas {
    changes: Mutex<Changes>,
}

impl ChangedSagas {
    /// Nothing so far.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            changes: Mutex::new(Changes::none()),
        }
    }

    /// What was stored since the last time.
    pub fn take(&self) -> Changes {
        std::mem::replace(&mut *self.lock(), Changes::none())
    }

    pub(super) fn add(&self, changes: Changes) {
        self.lock().add(changes);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ChangedSagas {
    fn default() -> Self {
        Self::new()
    }
}

/// The sagas of a batch. Those of known events too: the collector that stored them may have been killed before it announced them.
pub(super) fn touched(batch: &[SagaEvent]) -> Changes {
    let mut sagas: Vec<&SagaId> = batch.iter().map(|event| &event.saga_id).collect();
    sagas.sort_unstable();
    sagas.dedup();
    if sagas.len() > Changes::MOST {
        return Changes::Many;
    }
    Changes::Sagas(sagas.into_iter().cloned().collect())
}

/// What a collector announces to the others on its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Which collector.
    pub from: String,
    /// What it stored.
    pub changes: Changes,
}

/// The part of a store that announces what was stored.
#[async_trait]
pub trait ChangeStore {
    /// What was stored through this very store.
    fn changed(&self) -> &ChangedSagas;

    /// Announces to the other collectors. One that does not listen at this moment never receives it.
    async fn announce(&self, announcement: &Announcement) -> Result<(), StoreError>;

    /// Sends what collectors announce, this one included, until the receiver is closed. When something may have been missed, it
    /// says that there were many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the connection is lost; announcements may be missed until the next call.
    async fn listen(&self, received: mpsc::Sender<Announcement>) -> Result<(), StoreError>;

    /// These sagas as they are now, in any order; those that are not there are left out.
    async fn sagas(&self, saga_ids: &BTreeSet<SagaId>) -> Result<Vec<StoredSaga>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sagas(numbers: std::ops::Range<usize>) -> Changes {
        Changes::Sagas(
            numbers
                .map(|number| format!("{number}").parse().unwrap())
                .collect(),
        )
    }

    #[test]
    fn what_was_stored_is_taken_once() {
        let changed = ChangedSagas::new();
        changed.add(sagas(0..2));
        changed.add(sagas(1..3));
        assert_eq!(changed.take(), sagas(0..3));
        assert!(changed.take().is_none());
    }

    #[test]
    fn when_nobody_takes_it_it_does_not_grow_without_end() {
        let changed = ChangedSagas::new();
        changed.add(sagas(0..Changes::MOST));
        assert_eq!(changed.take(), sagas(0..Changes::MOST));
        changed.add(sagas(0..Changes::MOST));
        changed.add(sagas(7_000..7_001));
        changed.add(sagas(0..1));
        assert_eq!(changed.take(), Changes::Many);
        assert!(changed.take().is_none());
    }
}
