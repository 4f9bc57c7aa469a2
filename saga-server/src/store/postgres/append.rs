//! The one way in: a batch in one transaction.
//!
//! 1. The steps are inserted, ordered by key. The primary key alone decides who stores an event: a second writer of the
//!    same event waits here until the first one's transaction has ended.
//! 2. Unless all were taken, what was stored before is read, to tell copies from contradictions.
//! 3. The sagas of the new events are locked, in order.
//! 4. Their folds take the new events.
//! 5. They are written back, each only if nobody else wrote it since; otherwise the transaction starts over. Only two
//!    writers that make the same saga at once can meet here: there was nothing to lock.
//! 6. What that changes in the statistics is noted, and how much each service recorded.

use std::{collections::HashSet, time::Duration};

use saga_types::{SagaEvent, definition::Definitions};
use sqlx::{Connection, PgConnection, PgPool, Row, postgres::PgRow};

use super::{
    error, instances, producers, read, retention,
    rollups::{self, Pace},
};
use crate::store::{
    AppendError, Appended, StoreError,
    advance::{Advance, Kept},
    append::{Batch, Ending, Sorted},
    producers::of_events,
    rollup,
    rows::EventColumns,
};

/// How often a transaction that met another one is tried.
const ATTEMPTS: u32 = 10;

const INSERT_STEPS: &str = r"
INSERT INTO saga_steps (saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id, metadata,
    recorded_at, event_timestamp)
SELECT saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id, metadata::jsonb,
    recorded_at, event_timestamp
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::timestamptz[], $11::timestamptz[])
    AS new (saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id, metadata, recorded_at,
        event_timestamp)
ON CONFLICT (saga_id, event_id) DO NOTHING";

/// Rows that this transaction has not written itself. The row of a writer that committed while we waited is seen, since
/// each statement sees what was committed before it began.
const KNOWN_EVENTS: &str = r"
SELECT saga_id, event_id, saga_type, order_id, step, status, metadata::text, recorded_at, event_timestamp
FROM UNNEST($1::text[], $2::text[]) AS batch (saga_id, event_id) JOIN saga_steps USING (saga_id, event_id)
WHERE saga_steps.xmin IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid";

/// Why an attempt ended without a commit.
pub(super) enum Failure {
    /// It met another writer.
    Met(String),
    /// It has events of sagas that were removed: these.
    Removed(Vec<String>),
    /// For good, as far as this batch or this moment is concerned.
    Ended(AppendError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error::remedy(&error) {
            error::Remedy::Again => Self::Met(error::message(&error)),
            _ => Self::Ended(error::append(&error)),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Ended(error.into())
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        Self::Ended(error)
    }
}

pub(super) async fn append(
    pool: &PgPool,
    definitions: &Definitions,
    pace: &Pace,
    events: Vec<SagaEvent>,
    ending: Ending,
) -> Result<Appended, AppendError> {
    if events.is_empty() {
        return Ok(Appended::default());
    }
    let mut batch = Batch::new(events);
    let mut removed = Vec::new();
    let mut met = String::new();
    for attempt in 0..ATTEMPTS {
        let mut connection = pool.acquire().await.map_err(|error| error::append(&error))?;
        match attempt_append(&mut connection, definitions, &batch, ending).await {
            Ok(appended) => {
                rollups::keep_short(&mut connection, pace).await;
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
    definitions: &Definitions,
    batch: &Batch,
    ending: Ending,
) -> Result<Appended, Failure> {
    let mut transaction = connection.begin().await?;
    let taken = insert_steps(&mut transaction, batch).await?;
    let stored = if taken == batch.len() as u64 {
        Vec::new()
    } else {
        known_events(&mut transaction, batch).await?
    };
    if taken + stored.len() as u64 != batch.len() as u64 {
        // Removed in the meantime, as by the end of a retention period.
        return Err(Failure::Met("known steps that are not there any more".to_owned()));
    }
    let Sorted {
        new,
        new_indexes,
        duplicates,
        conflicts,
    } = batch.sort_out(&stored);
    let advanced = advance(&mut transaction, definitions, &new).await?;
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

/// How many were taken.
async fn insert_steps(connection: &mut PgConnection, batch: &Batch) -> Result<u64, sqlx::Error> {
    let events = || batch.firsts();
    let metadata = || events().map(|event| event.metadata.as_ref());
    let inserted = sqlx::query(INSERT_STEPS)
        .bind(events().map(|event| event.saga_id.as_str()).collect::<Vec<_>>())
        .bind(events().map(|event| event.event_id.as_str()).collect::<Vec<_>>())
        .bind(events().map(|event| event.saga_type.as_str()).collect::<Vec<_>>())
        .bind(events().map(|event| event.order_id.as_str()).collect::<Vec<_>>())
        .bind(events().map(|event| event.step.as_str()).collect::<Vec<_>>())
        .bind(events().map(|event| event.status.as_str()).collect::<Vec<_>>())
        .bind(
            metadata()
                .map(|metadata| metadata?.producer_service())
                .collect::<Vec<_>>(),
        )
        .bind(
            metadata()
                .map(|metadata| metadata?.trace_id())
                .collect::<Vec<_>>(),
        )
        .bind(
            metadata()
                .map(|metadata| Some(metadata?.as_str()))
                .collect::<Vec<_>>(),
        )
        .bind(
            events()
                .map(|event| event.recorded_at.to_datetime())
                .collect::<Vec<_>>(),
        )
        .bind(
            events()
                .map(|event| event.event_timestamp.to_datetime())
                .collect::<Vec<_>>(),
        )
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected())
}

async fn known_events(connection: &mut PgConnection, batch: &Batch) -> Result<Vec<SagaEvent>, Failure> {
    let rows = sqlx::query(KNOWN_EVENTS)
        .bind(
            batch
                .firsts()
                .map(|event| event.saga_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            batch
                .firsts()
                .map(|event| event.event_id.as_str())
                .collect::<Vec<_>>(),
        )
        .fetch_all(connection)
        .await?;
    Ok(rows.iter().map(stored_event).collect::<Result<_, _>>()?)
}

pub(super) fn stored_event(row: &PgRow) -> Result<SagaEvent, StoreError> {
    let (recorded_at, event_timestamp) = (read::timestamp(row, 7)?, read::timestamp(row, 8)?);
    let columns = || {
        Ok(EventColumns {
            saga_id: row.try_get(0)?,
            event_id: row.try_get(1)?,
            saga_type: row.try_get(2)?,
            order_id: row.try_get(3)?,
            step: row.try_get(4)?,
            status: row.try_get(5)?,
            metadata: row.try_get(6)?,
            recorded_at,
            event_timestamp,
        })
    };
    columns().map_err(error::store)?.try_into()
}

async fn advance(
    connection: &mut PgConnection,
    definitions: &Definitions,
    new: &[&SagaEvent],
) -> Result<Vec<crate::store::SagaChange>, Failure> {
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
    rollups::change(connection, &rollup::changes(&advanced)).await?;
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
