//! The one way in: a batch in one transaction.
//!
//! 1. The steps are taken, ordered by key. The primary key alone decides who stores an event: a second writer of the
//!    same event waits here until the first one's transaction has ended.
//! 2. Unless all were new, what was stored before is read, to tell copies from contradictions.
//! 3. The sagas of the new events are locked, in order.
//! 4. Their folds take the new events.
//! 5. They are written back, each only if nobody else wrote it since; otherwise the transaction starts over. Only two
//!    writers that make the same saga at once can meet here: there was nothing to lock.
//! 6. What that changes in the statistics is noted, and how much each service recorded.

use std::{collections::HashSet, sync::Arc, time::Duration};

use saga_types::{SagaEvent, definition::Definitions};
use sqlx::{Connection, PgConnection};

use super::{PostgresStore, error, failure::Failure, instances, producers, read, retention, rollups, steps};
use crate::{
    AppendError, Appended,
    batch::{Batch, Ending, Sorted},
    fold_batch::{Advance, Advanced, Kept},
    producers::of_events,
    rollup,
};

/// How often a transaction that met another one is tried.
const ATTEMPTS: u32 = 10;

pub(super) async fn append(
    store: &PostgresStore,
    events: Arc<[SagaEvent]>,
    ending: Ending,
) -> Result<Appended, AppendError> {
    if events.is_empty() {
        return Ok(Appended::default());
    }
    let mut batch = Batch::new(events);
    let mut removed = Vec::new();
    let mut met = String::new();
    for attempt in 0..ATTEMPTS {
        let connection = store.writers.acquire().await;
        let mut connection = connection.map_err(|error| error::append(&error))?;
        match attempt_append(&mut connection, store, &batch, ending).await {
            Ok(appended) => {
                rollups::keep_short(&mut connection, &store.pace).await;
                return Ok(Appended { removed, ..appended });
            }
            Err(Failure::Met(other)) => met = other,
            Err(Failure::Removed(sagas)) => removed.extend(batch.leave_out(&sagas)),
            Err(Failure::Ended(error)) => {
                // After a fail-over the connection may lead to a server that stays read-only.
                if matches!(error, AppendError::Unavailable(_)) {
                    connection.close_on_drop();
                }
                return Err(error);
            }
        }
        drop(connection);
        tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 5)).await;
    }
    Err(AppendError::Unavailable(format!(
        "met other writers {ATTEMPTS} times: {met}"
    )))
}

async fn attempt_append(
    connection: &mut PgConnection,
    store: &PostgresStore,
    batch: &Batch,
    ending: Ending,
) -> Result<Appended, Failure> {
    let mut transaction = connection.begin().await?;
    let stored = steps::take(&mut transaction, batch, &store.repeats).await?;
    let Sorted {
        new,
        new_indexes,
        duplicates,
        conflicts,
    } = batch.sort_out(&stored);
    let advanced = advance(&mut transaction, &store.definitions, &new).await?;
    if new.is_empty() || ending == Ending::Rehearsed {
        transaction.rollback().await?;
    } else {
        transaction.commit().await?;
    }
    Ok(Appended {
        new: new_indexes,
        duplicates,
        conflicts,
        changes: advanced,
        removed: Vec::new(),
    })
}

async fn advance(
    connection: &mut PgConnection,
    definitions: &Definitions,
    new: &[&SagaEvent],
) -> Result<Vec<crate::SagaChange>, Failure> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let kept = instances::lock(connection, new).await?;
    refuse_removed(connection, new, &kept).await?;
    let mut advance = Advance::begin(new, kept, definitions);
    let needing = advance.needing_history();
    if !needing.is_empty() {
        for (saga_id, steps) in read::histories(connection, &needing).await? {
            advance.refold(&saga_id, steps, definitions);
        }
    }
    let advanced = advance.finish()?;
    instances::write(connection, &advanced).await?;
    rollups::change(connection, &rollup::moved(advanced.iter().map(Advanced::counted))).await?;
    producers::note(connection, of_events(new)).await?;
    Ok(advanced.into_iter().map(Into::into).collect())
}

/// A saga that has no row is new, unless it was removed. Asked for after the rows are locked: whoever removes a saga locks
/// its row too, so either the row is still there, or the marker is.
async fn refuse_removed(
    connection: &mut PgConnection,
    new: &[&SagaEvent],
    kept: &[Kept],
) -> Result<(), Failure> {
    let known: HashSet<&str> = kept.iter().map(|kept| kept.saga_id.as_str()).collect();
    let mut unknown: Vec<&str> = new.iter().map(|event| event.saga_id.as_str()).collect();
    unknown.dedup();
    unknown.retain(|saga_id| !known.contains(saga_id));
    if unknown.is_empty() {
        return Ok(());
    }
    let removed = retention::removed_among(connection, &unknown).await?;
    if removed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Removed(removed))
    }
}
