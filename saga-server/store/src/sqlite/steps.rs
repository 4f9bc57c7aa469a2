//! The steps of a batch: new ones are inserted, known ones are returned.

use std::sync::LazyLock;

use sqlx::SqliteConnection;

use super::{
    abort::Abort,
    rows::decode_known,
    table::{self, json},
};
use crate::{
    batch::{Batch, Key, KnownEvent, key},
    rows::StepRow,
    table::Table,
};

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let insert = table::insert::<StepRow<'_>>();
    format!("{insert} DO NOTHING")
});

const NEWEST: &str = "SELECT COALESCE(max(id), 0) FROM saga_steps";

/// Rows that were there before.
static KNOWN: LazyLock<String> = LazyLock::new(|| {
    let columns = StepRow::columns();
    format!(
        "SELECT {columns}, erased_at FROM json_each($1) AS batch \
         JOIN saga_steps ON saga_id = batch.value ->> 0 AND event_id = batch.value ->> 1 WHERE saga_steps.id <= $2"
    )
});

/// The steps of a batch for [`insert`].
pub(super) fn rows(batch: &Batch) -> Result<String, sqlx::Error> {
    let rows: Vec<StepRow<'_>> = batch.firsts().map(StepRow::of).collect();
    table::rows(&rows)
}

/// The number of the step that was inserted last.
pub(super) async fn newest(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(NEWEST).fetch_one(connection).await
}

/// How many were taken.
pub(super) async fn insert(connection: &mut SqliteConnection, rows: &str) -> Result<u64, sqlx::Error> {
    let inserted = sqlx::query(INSERT.as_str())
        .bind(rows)
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected())
}

/// Those of the batch that were stored when the newest step was this one.
pub(super) async fn known(
    connection: &mut SqliteConnection,
    batch: &Batch,
    newest: i64,
) -> Result<Vec<KnownEvent>, Abort> {
    let keys: Vec<Key<'_>> = batch.firsts().map(key).collect();
    let rows = sqlx::query(KNOWN.as_str())
        .bind(json(&keys)?)
        .bind(newest)
        .map(|row| decode_known(&row))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect::<Result<_, _>>()?)
}
