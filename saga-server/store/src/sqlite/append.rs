//! The one way in: a batch in one transaction, which takes the write lock at once.
//!
//! The batch goes in as one JSON text; that is five to ten times as fast as row by row.

use std::sync::Arc;

use saga_types::{SagaEvent, definition::Definitions};
use serde::Serialize;
use sqlx::{SqliteConnection, SqlitePool};

use super::{
    error, instances, producers, read, retention, rollups,
    rows::{event_columns, json},
};
use crate::{
    AppendError, Appended, SagaChange,
    batch::{Batch, Classified, Key, TxOutcome, key},
    fold_batch::{FoldBatch, UpdatedSaga},
    producers::of_events,
    rollup,
};

const INSERT_STEPS: &str = r"
INSERT INTO saga_steps (saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id, metadata,
    recorded_at, event_timestamp)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
    value ->> 8, value ->> 9, value ->> 10
FROM json_each(?) WHERE true
ON CONFLICT (saga_id, event_id) DO NOTHING";

const NEWEST_STEP: &str = "SELECT COALESCE(max(id), 0) FROM saga_steps";

/// Rows that were there before.
const KNOWN_EVENTS: &str = r"
SELECT saga_id, event_id, saga_type, order_id, step, status, metadata, recorded_at, event_timestamp
FROM json_each(?) AS batch JOIN saga_steps ON saga_id = batch.value ->> 0 AND event_id = batch.value ->> 1
WHERE saga_steps.id <= ?";

pub(super) async fn append(
    writer: &SqlitePool,
    definitions: &Definitions,
    events: Arc<[SagaEvent]>,
    outcome: TxOutcome,
) -> Result<Appended, AppendError> {
    if events.is_empty() {
        return Ok(Appended::default());
    }
    let mut batch = Batch::new(events);
    let mut transaction = writer
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(error::append)?;
    let gone = retention::removed_among(&mut transaction, &batch.saga_ids())
        .await
        .map_err(error::append)?;
    let removed = batch.exclude(&gone);
    let newest: i64 = sqlx::query_scalar(NEWEST_STEP)
        .fetch_one(&mut *transaction)
        .await
        .map_err(error::append)?;
    let taken = insert_steps(&mut transaction, &batch).await?;
    let stored = if taken == batch.len() as u64 {
        Vec::new()
    } else {
        known_events(&mut transaction, &batch, newest).await?
    };
    let Classified {
        new,
        new_indexes,
        duplicates,
        conflicts,
    } = batch.classify(&stored);
    let changes = fold(&mut transaction, definitions, &new).await?;
    if new.is_empty() || outcome == TxOutcome::RolledBack {
        transaction.rollback().await.map_err(error::append)?;
    } else {
        transaction.commit().await.map_err(error::append)?;
    }
    Ok(Appended {
        new: new_indexes,
        duplicates,
        conflicts,
        changes,
        removed,
    })
}

/// How many were taken.
async fn insert_steps(connection: &mut SqliteConnection, batch: &Batch) -> Result<u64, AppendError> {
    let rows = json(&batch.firsts().map(step_row).collect::<Vec<_>>()).map_err(error::append)?;
    let inserted = sqlx::query(INSERT_STEPS)
        .bind(rows)
        .execute(connection)
        .await
        .map_err(error::append)?;
    Ok(inserted.rows_affected())
}

fn step_row(event: &SagaEvent) -> impl Serialize + '_ {
    let metadata = event.metadata.as_ref();
    (
        event.saga_id.as_str(),
        event.event_id.as_str(),
        event.saga_type.as_str(),
        event.order_id.as_str(),
        event.step.as_str(),
        event.status.as_str(),
        metadata.and_then(|metadata| metadata.producer_service()),
        metadata.and_then(|metadata| metadata.trace_id()),
        metadata.map(|metadata| metadata.as_str()),
        event.recorded_at.as_millis(),
        event.event_timestamp.as_millis(),
    )
}

async fn known_events(
    connection: &mut SqliteConnection,
    batch: &Batch,
    newest: i64,
) -> Result<Vec<SagaEvent>, AppendError> {
    let keys: Vec<Key<'_>> = batch.firsts().map(key).collect();
    let rows = sqlx::query(KNOWN_EVENTS)
        .bind(json(&keys).map_err(error::append)?)
        .bind(newest)
        .fetch_all(connection)
        .await
        .map_err(error::append)?;
    rows.iter()
        .map(|row| Ok(event_columns(row)?.try_into()?))
        .collect()
}

async fn fold(
    connection: &mut SqliteConnection,
    definitions: &Definitions,
    new: &[&SagaEvent],
) -> Result<Vec<SagaChange>, AppendError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let kept = instances::kept(connection, new).await?;
    let mut batch = FoldBatch::begin(new, kept, definitions);
    let needing = batch.needing_history();
    if !needing.is_empty() {
        for (saga_id, steps) in read::histories(connection, &needing).await? {
            batch.refold(&saga_id, steps, definitions);
        }
    }
    let updated = batch.finish()?;
    instances::write(connection, &updated).await?;
    rollups::change(
        connection,
        &rollup::moved(updated.iter().map(UpdatedSaga::counted)),
    )
    .await
    .map_err(error::append)?;
    producers::note(connection, of_events(new))
        .await
        .map_err(error::append)?;
    Ok(updated.into_iter().map(Into::into).collect())
}
