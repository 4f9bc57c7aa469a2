//! The steps of a batch: new ones are inserted, known ones are returned.
//!
//! Rule of thumb: hardly any batch holds an event that was stored before; only after a restart, or when a producer repeats
//! itself, many do. So many steps at once are copied in, for three quarters of what inserting them costs, and a copy that meets
//! a known event fails as a whole. From then on steps are inserted one by one, until a batch without known events comes by.

use std::sync::{
    LazyLock,
    atomic::{AtomicBool, Ordering},
};

use sqlx::PgConnection;

use super::{abort::Abort, copy, error, rows::decode_known, table};
use crate::{
    AppendError,
    batch::{Batch, KnownEvent, key},
    layout::Layout,
    rows::StepRow,
    table::Table,
};

/// Whether the last batch held events that were stored before.
#[derive(Debug, Default)]
pub(super) struct Repeats(AtomicBool);

static COPY: LazyLock<String> = LazyLock::new(table::copy::<StepRow<'_>>);

/// How long the row of an event is, about.
const ROW_BYTES: usize = 600;

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let insert = table::insert::<StepRow<'_>>();
    format!("{insert} ON CONFLICT (saga_id, event_id) DO NOTHING")
});

/// Citus counts the rows that it was given, unless it gives those back that it took.
static INSERT_COUNTED: LazyLock<String> = LazyLock::new(|| format!("{} RETURNING 1", INSERT.as_str()));

/// Rows that this transaction has not written itself. The row of a writer that committed while we waited is seen, since
/// each statement sees what was committed before it began.
static KNOWN_EVENTS: LazyLock<String> = LazyLock::new(|| {
    let columns = StepRow::columns();
    format!(
        "SELECT {columns}, erased_at FROM UNNEST($1::text[], $2::text[]) AS batch (saga_id, event_id) \
         JOIN saga_steps USING (saga_id, event_id) \
         WHERE saga_steps.xmin IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid"
    )
});

/// Takes the steps of a batch; which of them were stored before.
pub(super) async fn insert_steps(
    connection: &mut PgConnection,
    layout: Layout,
    batch: &Batch,
    repeats: &Repeats,
) -> Result<Vec<KnownEvent>, Abort> {
    if copy::is_worth_it(batch.len()) && !repeats.0.load(Ordering::Relaxed) {
        return match copy(connection, batch).await {
            // The insert that follows finds out what it was.
            Err(error) if error::is_known_key(&error) || error::is_unexplained(&error) => {
                repeats.0.store(true, Ordering::Relaxed);
                Err(Abort::Conflict(error::fault(error)))
            }
            Err(error) => Err(error.into()),
            Ok(copied) if copied == batch.len() as u64 => Ok(Vec::new()),
            Ok(_) => Err(AppendError::not_kept().into()),
        };
    }
    let taken = insert(connection, layout, batch).await?;
    if taken == batch.len() as u64 {
        repeats.0.store(false, Ordering::Relaxed);
        return Ok(Vec::new());
    }
    let known = known_events(connection, batch).await?;
    if taken + known.len() as u64 != batch.len() as u64 {
        // Removed in the meantime, as by the end of a retention period.
        return Err(Abort::Conflict("known steps that are not there any more".into()));
    }
    Ok(known)
}

async fn copy(connection: &mut PgConnection, batch: &Batch) -> Result<u64, sqlx::Error> {
    let rows = batch.firsts().map(StepRow::of);
    table::copied(rows, ROW_BYTES).copy(connection, &COPY).await
}

/// How many were taken.
async fn insert(connection: &mut PgConnection, layout: Layout, batch: &Batch) -> Result<u64, sqlx::Error> {
    let insert = match layout {
        Layout::Single => INSERT.as_str(),
        Layout::Distributed => INSERT_COUNTED.as_str(),
    };
    let rows: Vec<StepRow<'_>> = batch.firsts().map(StepRow::of).collect();
    let inserted = table::bind(sqlx::query(insert), &rows)
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected())
}

async fn known_events(connection: &mut PgConnection, batch: &Batch) -> Result<Vec<KnownEvent>, Abort> {
    let (saga_ids, event_ids): (Vec<&str>, Vec<&str>) = batch.firsts().map(key).unzip();
    let rows = sqlx::query(KNOWN_EVENTS.as_str())
        .bind(saga_ids)
        .bind(event_ids)
        .map(|row| decode_known(&row))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect::<Result<_, _>>()?)
}
