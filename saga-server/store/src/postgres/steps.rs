//! The steps of a batch: those that are new go in, and those that were there are told.
//!
//! Rule of thumb: hardly any batch holds an event that was stored before; only after a restart, or when a producer repeats
//! itself, many do. So many steps at once are copied in, for three quarters of what inserting them costs, and a copy that meets
//! a known event fails as a whole. From then on steps are inserted one by one, until a batch without known events comes by.

use std::sync::atomic::{AtomicBool, Ordering};

use saga_types::{Metadata, SagaEvent};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{
    abort::AppendAbort,
    copy::{self, Rows},
    error, read,
};
use crate::{StoreError, batch::Batch, rows::EventColumns};

/// Whether the last batch held events that were stored before.
#[derive(Debug, Default)]
pub(super) struct Repeats(AtomicBool);

const COPY: &str = r"
COPY saga_steps (saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id, metadata,
    recorded_at, event_timestamp) FROM STDIN (FORMAT binary)";
const COLUMNS: i16 = 11;

/// How long the row of an event is, about.
const ROW_BYTES: usize = 600;

const INSERT: &str = r"
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

/// Takes the steps of a batch; which of them were stored before.
pub(super) async fn insert_steps(
    connection: &mut PgConnection,
    batch: &Batch,
    repeats: &Repeats,
) -> Result<Vec<SagaEvent>, AppendAbort> {
    if copy::is_worth_it(batch.len()) && !repeats.0.load(Ordering::Relaxed) {
        return match copy(connection, batch).await {
            Err(error) if error::is_known_key(&error) => {
                repeats.0.store(true, Ordering::Relaxed);
                Err(AppendAbort::Conflict(error::message(&error)))
            }
            copied => Ok(copied.map(|_| Vec::new())?),
        };
    }
    let taken = insert(connection, batch).await?;
    if taken == batch.len() as u64 {
        repeats.0.store(false, Ordering::Relaxed);
        return Ok(Vec::new());
    }
    let known = known_events(connection, batch).await?;
    if taken + known.len() as u64 != batch.len() as u64 {
        // Removed in the meantime, as by the end of a retention period.
        return Err(AppendAbort::Conflict(
            "known steps that are not there any more".to_owned(),
        ));
    }
    Ok(known)
}

async fn copy(connection: &mut PgConnection, batch: &Batch) -> Result<u64, sqlx::Error> {
    let mut rows = Rows::with_capacity(batch.len() * ROW_BYTES);
    for event in batch.firsts() {
        let metadata = event.metadata.as_ref();
        rows.row(COLUMNS);
        rows.text(event.saga_id.as_str());
        rows.text(event.event_id.as_str());
        rows.text(event.saga_type.as_str());
        rows.text(event.order_id.as_str());
        rows.text(event.step.as_str());
        rows.text(event.status.as_str());
        rows.optional_text(metadata.and_then(Metadata::producer_service));
        rows.optional_text(metadata.and_then(Metadata::trace_id));
        rows.optional_json(metadata.map(Metadata::as_str));
        rows.timestamp(event.recorded_at);
        rows.timestamp(event.event_timestamp);
    }
    rows.copy(connection, COPY).await
}

/// How many were taken.
async fn insert(connection: &mut PgConnection, batch: &Batch) -> Result<u64, sqlx::Error> {
    let events = || batch.firsts();
    let metadata = || events().map(|event| event.metadata.as_ref());
    let inserted = sqlx::query(INSERT)
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

async fn known_events(connection: &mut PgConnection, batch: &Batch) -> Result<Vec<SagaEvent>, AppendAbort> {
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
