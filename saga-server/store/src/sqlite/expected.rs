//! What a large batch is expected to write, made before it has the write lock.
//!
//! Rule of thumb: there is one writer, so whatever is computed under the lock keeps the other batches waiting. Batches are large while a
//! backlog is read; then hardly any event was stored before, and no other batch has the same sagas. So a batch is folded as if that were
//! certain, while the one before it is stored. Under the lock SQLite decides: by how many steps were new, and by the versions of the
//! sagas. Where it was wrong, nothing stays, and the batch is stored as a small one is.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{SqliteStore, abort::Abort, dialect, error, fold, instances, retention, steps};
use crate::{
    Appended,
    batch::{Batch, Beside, TxOutcome},
    fold_batch::{FoldBatch, UpdatedSaga},
};

/// So many events are worth to be folded in vain now and then.
const WORTH_IT: usize = 1_000;

/// Whether the last batch held events that were stored before, as after a restart or when a topic is read again. Then the next one does,
/// too, as a rule.
#[derive(Debug, Default)]
pub(super) struct Repeats(AtomicBool);

impl Repeats {
    pub(super) fn note(&self, are_seen: bool) {
        self.0.store(are_seen, Ordering::Relaxed);
    }
}

pub(super) struct Expected {
    /// All steps of the batch, as a parameter.
    steps: String,
    /// The sagas, and the same as a parameter.
    updated: Vec<UpdatedSaga>,
    rows: String,
}

impl Expected {
    /// `None` when it is not worth it, or cannot be known before the steps are stored.
    pub(super) async fn of(store: &SqliteStore, batch: &Batch) -> Result<Option<Self>, Abort> {
        if batch.len() < WORTH_IT || store.repeats.0.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let new: Vec<_> = batch.firsts().collect();
        let mut reader = store.readers.acquire().await.map_err(error::store)?;
        let stored = instances::stored(&mut reader, &new).await?;
        drop(reader);
        let folded = FoldBatch::begin(&new, stored, &store.definitions.get());
        if !folded.needing_history().is_empty() {
            return Ok(None);
        }
        let updated = folded.finish()?;
        Ok(Some(Self {
            steps: steps::rows(batch)?,
            rows: instances::rows(&updated)?,
            updated,
        }))
    }

    /// Stores the batch; `None` when something was not as expected, and then nothing is stored.
    pub(super) async fn append(
        self,
        store: &SqliteStore,
        batch: &Batch,
        (outcome, beside): (TxOutcome, &Beside),
    ) -> Result<Option<Appended>, Abort> {
        let begun = store.writers.begin_with(dialect::BEGIN).await;
        let mut transaction = begun.map_err(error::store)?;
        let removed = retention::removed_among(&mut transaction, &batch.saga_ids()).await?;
        let mut is_as_expected = removed.is_empty();
        if is_as_expected {
            let taken = steps::insert(&mut transaction, &self.steps).await?;
            is_as_expected = taken == batch.len() as u64;
            store.repeats.note(!is_as_expected);
        }
        if is_as_expected {
            let written = instances::write_rows(&mut transaction, &self.rows).await?;
            is_as_expected = written == self.updated.len() as u64;
        }
        if !is_as_expected {
            transaction.rollback().await?;
            return Ok(None);
        }
        fold::write_beside(&mut transaction, &self.updated).await?;
        let changes = self.updated.into_iter().map(Into::into).collect();
        let notes_failures = store.notes_failures.is_set();
        fold::end(
            transaction,
            batch.classify(&[]),
            changes,
            Vec::new(),
            notes_failures,
            (outcome, beside),
        )
        .await
        .map(Some)
    }
}
