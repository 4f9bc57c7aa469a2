//! The rows of `saga_instance`: read, and written back if their versions are still those that were read.

use std::sync::LazyLock;

use saga_types::SagaEvent;
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteRow};

use super::{
    abort::Abort,
    dialect::any,
    rows::decode,
    table::{self, json},
};
use crate::{
    AppendError, Fault, StoreError,
    fold_batch::{StoredFold, UpdatedSaga},
    layout::Layout,
    rows::{FoldRow, InstanceRow},
    table::Table,
};

static STORED: LazyLock<String> = LazyLock::new(|| {
    let columns = FoldRow::columns();
    format!("SELECT {columns} FROM saga_instance WHERE saga_id {}", any!("1"))
});

static WRITE: LazyLock<String> = LazyLock::new(|| {
    let (insert, replace) = (
        table::insert::<InstanceRow<'_>>(),
        table::replace::<InstanceRow<'_>>(),
    );
    format!("{insert} {replace} WHERE kept.version = excluded.version - 1")
});

/// Sagas by their ids, as far as they are there, in order. A writer holds the lock of the file.
pub(super) async fn lock_rows<T: Table>(
    connection: &mut SqliteConnection,
    _layout: Layout,
    saga_ids: &[impl AsRef<str>],
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let saga_ids: Vec<&str> = saga_ids.iter().map(AsRef::as_ref).collect();
    let (columns, chosen) = (T::columns(), any!("1"));
    let statement = format!("SELECT {columns} FROM saga_instance WHERE saga_id {chosen} ORDER BY saga_id");
    sqlx::query(AssertSqlSafe(statement))
        .bind(json(&saga_ids)?)
        .fetch_all(connection)
        .await
}

/// What is stored of the sagas of these events, which are ordered by saga.
pub(super) async fn stored(
    connection: &mut SqliteConnection,
    new: &[&SagaEvent],
) -> Result<Vec<StoredFold>, Abort> {
    let mut saga_ids: Vec<&str> = new.iter().map(|event| event.saga_id.as_str()).collect();
    saga_ids.dedup();
    let rows = sqlx::query(STORED.as_str())
        .bind(json(&saga_ids)?)
        .fetch_all(connection)
        .await?;
    let stored = rows.iter().map(|row| decode::<FoldRow<'_>>(row)?.try_into());
    Ok(stored.collect::<Result<_, StoreError>>()?)
}

/// Writes sagas.
pub(super) async fn write(connection: &mut SqliteConnection, updated: &[UpdatedSaga]) -> Result<(), Abort> {
    if write_rows(connection, &rows(updated)?).await? != updated.len() as u64 {
        let fault = Fault::from("another writer changed a saga, or the database did not keep it");
        return Err(AppendError::Unavailable(fault.perhaps_of_the_batch()).into());
    }
    Ok(())
}

/// Sagas for [`write_rows`].
pub(super) fn rows(updated: &[UpdatedSaga]) -> Result<String, sqlx::Error> {
    let rows: Vec<InstanceRow<'_>> = updated.iter().map(InstanceRow::of).collect();
    table::rows(&rows)
}

/// Writes those that follow on the version that is stored; how many did.
pub(super) async fn write_rows(connection: &mut SqliteConnection, rows: &str) -> Result<u64, sqlx::Error> {
    let written = sqlx::query(WRITE.as_str()).bind(rows).execute(connection).await?;
    Ok(written.rows_affected())
}
