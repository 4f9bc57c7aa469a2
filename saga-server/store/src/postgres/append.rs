//! Appends: a batch in one transaction.
//!
//! 1. The steps are inserted, ordered by key. The primary key alone decides who stores an event: a second writer of the
//!    same event waits here until the first one's transaction has ended.
//! 2. Unless all were new, what was stored before is read, to distinguish duplicates from conflicts.
//! 3. The sagas of the new events are locked, in order. A small batch only reads them at first: to lock a row is to
//!    write to it and to the log, and 5 finds out who was faster.
//! 4. Their folds take the new events.
//! 5. They are written back, each only if its version is the one that was read; otherwise the transaction starts over. Only two
//!    writers that make the same saga at once, or one that did not lock, can meet another here. It locks when it starts over.
//!
//! Where the tables are distributed, no statement locks rows on several workers. There 3 only reads, since 5 finds out who was
//! faster; and an attempt that follows a conflict runs while no other batch is stored, so that it does not meet the next one.
//!
//! 6. What that changes in the statistics is noted, how much each service recorded, and, for webhooks, which sagas failed; and who asked
//!    for it, if somebody did.

use std::{collections::HashSet, sync::Arc, time::Duration};

use saga_types::{SagaEvent, definition::Definitions};
use sqlx::{Connection, PgConnection};

use super::{
    PostgresStore,
    abort::Abort,
    dialect, error, fold,
    instances::{self, Access},
    retention, rollups, steps,
};
use crate::{
    AppendError, Appended, Fault, SagaChange,
    batch::{Batch, Beside, TxOutcome},
    fold_batch::StoredFold,
    layout::Layout,
};

/// How often a transaction is tried that conflicts with others.
const ATTEMPTS: u32 = 10;

/// Waits until no transaction changes sagas, and lets none begin meanwhile.
const BEGIN_ALONE: &str =
    "BEGIN; SELECT pg_advisory_xact_lock(hashtext('append'), 'saga_instance'::regclass::oid::integer)";

pub(super) async fn append(
    store: &PostgresStore,
    events: Arc<[SagaEvent]>,
    outcome: TxOutcome,
    beside: &Beside,
) -> Result<Appended, AppendError> {
    if events.is_empty() && beside.is_empty() {
        return Ok(Appended::default());
    }
    store.sessions.check().await?;
    let layout = store.layout().await?;
    let mut batch = Batch::new(events);
    let mut removed = Vec::new();
    let mut conflict = None;
    for attempt in 0..ATTEMPTS {
        let connection = store.writers.acquire().await;
        let mut connection = connection.map_err(error::store)?;
        let begin = match (layout, attempt) {
            (layout, 0) | (layout @ Layout::Single, _) => dialect::begin_changing(layout),
            (Layout::Distributed, _) => BEGIN_ALONE,
        };
        let attempted = attempt_append(
            &mut connection,
            (store, layout, begin),
            (layout, attempt, batch.len()).into(),
            &batch,
            &removed,
            outcome,
            beside,
        );
        match attempted.await {
            Ok(appended) => {
                rollups::merge_if_due(&mut connection, &store.pace).await;
                return Ok(appended);
            }
            Err(Abort::Conflict(other)) => conflict = Some(other),
            Err(Abort::Removed(sagas)) => removed.extend(batch.exclude(&sagas)),
            Err(Abort::Ended(error)) => {
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
    let fault = Fault::conflicts(ATTEMPTS, conflict);
    Err(AppendError::Unavailable(fault.perhaps_of_the_batch()))
}

async fn attempt_append(
    connection: &mut PgConnection,
    (store, layout, begin): (&PostgresStore, Layout, &'static str),
    access: Access,
    batch: &Batch,
    removed: &[usize],
    outcome: TxOutcome,
    beside: &Beside,
) -> Result<Appended, Abort> {
    let mut transaction = connection.begin_with(begin).await.map_err(error::store)?;
    let stored = steps::insert_steps(&mut transaction, layout, batch, &store.repeats).await?;
    let classified = batch.classify(&stored);
    let changes = fold_new(
        &mut transaction,
        access,
        &store.definitions.get(),
        &classified.new,
    )
    .await?;
    fold::end(
        transaction,
        classified,
        changes,
        removed.to_vec(),
        store.notes_failures.is_set(),
        (outcome, beside),
    )
    .await
}

async fn fold_new(
    connection: &mut PgConnection,
    access: Access,
    definitions: &Definitions,
    new: &[&SagaEvent],
) -> Result<Vec<SagaChange>, Abort> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let stored = match access {
        Access::ReadOnce => instances::read_unless_removed(connection, new).await?,
        Access::Read | Access::Locked => {
            let stored = instances::take(connection, access, new).await?;
            refuse_removed(connection, new, &stored).await?;
            stored
        }
    };
    fold::fold(connection, definitions, new, stored).await
}

/// A saga that has no row is new, unless it was removed. Asked for after the rows are locked: a removal locks
/// its row too, so either the row is still there, or the marker is.
async fn refuse_removed(
    connection: &mut PgConnection,
    new: &[&SagaEvent],
    kept: &[StoredFold],
) -> Result<(), Abort> {
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
        Err(Abort::Removed(removed))
    }
}
