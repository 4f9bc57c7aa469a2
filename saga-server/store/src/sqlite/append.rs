//! Appends: a batch in one transaction, which takes the write lock at once.
//!
//! The batch is one parameter, a JSON text; that is five to ten times as fast as row by row.

use std::sync::{Arc, LazyLock};

use saga_types::SagaEvent;
use sqlx::SqliteConnection;

use super::{
    SqliteStore,
    abort::Abort,
    dialect, error, fold, instances, retention,
    rows::decode_known,
    table::{self, json},
};
use crate::{
    AppendError, Appended,
    batch::{Batch, Beside, Key, KnownEvent, TxOutcome, key},
    rows::StepRow,
    table::Table,
};

static INSERT_STEPS: LazyLock<String> = LazyLock::new(|| {
    let insert = table::insert::<StepRow<'_>>();
    format!("{insert} DO NOTHING")
});

const NEWEST_STEP: &str = "SELECT COALESCE(max(id), 0) FROM saga_steps";

/// Rows that were there before.
static KNOWN_EVENTS: LazyLock<String> = LazyLock::new(|| {
    let columns = StepRow::columns();
    format!(
        "SELECT {columns}, erased_at FROM json_each($1) AS batch \
         JOIN saga_steps ON saga_id = batch.value ->> 0 AND event_id = batch.value ->> 1 WHERE saga_steps.id <= $2"
    )
});

pub(super) async fn append(
    store: &SqliteStore,
    events: Arc<[SagaEvent]>,
    outcome: TxOutcome,
    beside: &Beside,
) -> Result<Appended, AppendError> {
    if events.is_empty() && beside.is_empty() {
        return Ok(Appended::default());
    }
    Ok(append_once(store, Batch::new(events), outcome, beside).await?)
}

async fn append_once(
    store: &SqliteStore,
    mut batch: Batch,
    outcome: TxOutcome,
    beside: &Beside,
) -> Result<Appended, Abort> {
    let begun = store.writers.begin_with(dialect::BEGIN).await;
    let mut transaction = begun.map_err(error::store)?;
    let sagas = retention::removed_among(&mut transaction, &batch.saga_ids()).await?;
    let removed = batch.exclude(&sagas);
    let newest: i64 = sqlx::query_scalar(NEWEST_STEP)
        .fetch_one(&mut *transaction)
        .await?;
    let taken = insert_steps(&mut transaction, &batch).await?;
    let stored = if taken == batch.len() as u64 {
        Vec::new()
    } else {
        known_events(&mut transaction, &batch, newest).await?
    };
    if taken + stored.len() as u64 != batch.len() as u64 {
        return Err(AppendError::not_kept().into());
    }
    let classified = batch.classify(&stored);
    let changes = if classified.new.is_empty() {
        Vec::new()
    } else {
        let stored = instances::stored(&mut transaction, &classified.new).await?;
        fold::fold(
            &mut transaction,
            &store.definitions.get(),
            &classified.new,
            stored,
        )
        .await?
    };
    let notes_failures = store.notes_failures.is_set();
    fold::end(
        transaction,
        classified,
        changes,
        removed,
        notes_failures,
        (outcome, beside),
    )
    .await
}

/// How many were taken.
async fn insert_steps(connection: &mut SqliteConnection, batch: &Batch) -> Result<u64, sqlx::Error> {
    let rows: Vec<StepRow<'_>> = batch.firsts().map(StepRow::of).collect();
    let inserted = sqlx::query(INSERT_STEPS.as_str())
        .bind(table::rows(&rows)?)
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected())
}

async fn known_events(
    connection: &mut SqliteConnection,
    batch: &Batch,
    newest: i64,
) -> Result<Vec<KnownEvent>, Abort> {
    let keys: Vec<Key<'_>> = batch.firsts().map(key).collect();
    let rows = sqlx::query(KNOWN_EVENTS.as_str())
        .bind(json(&keys)?)
        .bind(newest)
        .map(|row| decode_known(&row))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect::<Result<_, _>>()?)
}
