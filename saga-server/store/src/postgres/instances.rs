//! The rows of `saga_instance`: locked, and written back.

use std::sync::LazyLock;

use saga_types::SagaEvent;
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};

use super::{abort::Abort, copy, error, rows::decode, table};
use crate::{
    AppendError, StoreError,
    fold_batch::{StoredFold, UpdatedSaga},
    layout::Layout,
    rows::{FoldRow, InstanceRow},
    table::Table,
};

static READ: LazyLock<String> = LazyLock::new(|| {
    let columns = FoldRow::columns();
    format!("SELECT {columns} FROM saga_instance WHERE saga_id = ANY($1) ORDER BY saga_id")
});

/// The same, and markers of sagas that were removed, which have nothing but their id.
static READ_OR_REMOVED: LazyLock<String> = LazyLock::new(|| {
    let columns = FoldRow::columns();
    let nothing = FoldRow::COLUMNS.iter().map(|(name, _)| match *name {
        "saga_id" => "saga_id",
        _ => "NULL",
    });
    let nothing = nothing.collect::<Vec<_>>().join(", ");
    format!(
        "SELECT {columns}, false AS is_removed FROM saga_instance WHERE saga_id = ANY($1) \
         UNION ALL SELECT {nothing}, true FROM saga_removed WHERE saga_id = ANY($1)"
    )
});

/// Citus locks rows of several workers by no `SELECT`. Nothing is changed.
fn locking<T: Table>(layout: Layout) -> String {
    let columns = T::columns();
    match layout {
        Layout::Single => {
            format!("SELECT {columns} FROM saga_instance WHERE saga_id = ANY($1) ORDER BY saga_id FOR UPDATE")
        }
        Layout::Distributed => format!(
            "WITH locked AS (UPDATE saga_instance SET version = version WHERE saga_id = ANY($1) RETURNING {columns}) \
             SELECT {columns} FROM locked ORDER BY saga_id"
        ),
    }
}

/// Locks sagas by their ids, as far as they are there, and gives their rows in order.
pub(super) async fn lock_rows<T: Table>(
    connection: &mut PgConnection,
    layout: Layout,
    saga_ids: &[impl AsRef<str>],
) -> Result<Vec<PgRow>, sqlx::Error> {
    let saga_ids: Vec<&str> = saga_ids.iter().map(AsRef::as_ref).collect();
    sqlx::query(AssertSqlSafe(locking::<T>(layout)))
        .bind(saga_ids)
        .fetch_all(connection)
        .await
}

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let update = table::update::<InstanceRow<'_>>();
    format!("{update} AND kept.version = new.version - 1")
});

/// Gives back what it takes: a worker's violation of the key comes without its SQLSTATE.
static INSERT: LazyLock<String> = LazyLock::new(|| {
    let insert = table::insert::<InstanceRow<'_>>();
    format!("{insert} ON CONFLICT (saga_id) DO NOTHING RETURNING 1")
});

static COPY: LazyLock<String> = LazyLock::new(table::copy::<InstanceRow<'_>>);

/// How long a row is, about.
const ROW_BYTES: usize = 1_000;

/// How a batch gets at the sagas of its events before it folds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// One statement reads them, and which others were removed.
    ReadOnce,
    /// They are read.
    Read,
    /// They are read and locked.
    Locked,
}

impl From<(Layout, u32, usize)> for Access {
    /// By the attempt, from 0, and the size of the batch. A large batch has more to lose by starting over, and one that has
    /// started over once waits for the others.
    fn from((layout, attempt, events): (Layout, u32, usize)) -> Self {
        match layout {
            Layout::Distributed => Self::Read,
            Layout::Single if attempt == 0 && !copy::is_worth_it(events) => Self::ReadOnce,
            Layout::Single => Self::Locked,
        }
    }
}

/// Reads the sagas of these events, which are ordered by saga, as far as they are there, and perhaps locks them.
pub(super) async fn take(
    connection: &mut PgConnection,
    access: Access,
    new: &[&SagaEvent],
) -> Result<Vec<StoredFold>, Abort> {
    let saga_ids = saga_ids(new);
    let rows = match access {
        Access::Locked => lock_rows::<FoldRow<'_>>(connection, Layout::Single, &saga_ids).await?,
        Access::Read | Access::ReadOnce => {
            let read = sqlx::query(READ.as_str()).bind(saga_ids);
            read.fetch_all(connection).await?
        }
    };
    let taken = rows.iter().map(|row| decode::<FoldRow<'_>>(row)?.try_into());
    Ok(taken.collect::<Result<_, StoreError>>()?)
}

/// Reads the sagas of these events as far as they are there, unless some of the others were removed. A removal is one
/// transaction, so that one snapshot has the row of a saga or the marker of its removal.
pub(super) async fn read_unless_removed(
    connection: &mut PgConnection,
    new: &[&SagaEvent],
) -> Result<Vec<StoredFold>, Abort> {
    let rows = sqlx::query(READ_OR_REMOVED.as_str())
        .bind(saga_ids(new))
        .fetch_all(connection)
        .await?;
    let (mut stored, mut removed) = (Vec::<StoredFold>::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        if row.try_get("is_removed")? {
            removed.push(row.try_get("saga_id")?);
        } else {
            stored.push(decode::<FoldRow<'_>>(row)?.try_into()?);
        }
    }
    stored.sort_unstable_by(|one, other| one.saga_id.cmp(&other.saga_id));
    // One that came back still has its marker.
    removed.retain(|removed: &String| stored.binary_search_by(|saga| saga.saga_id.cmp(removed)).is_err());
    if removed.is_empty() {
        Ok(stored)
    } else {
        Err(Abort::Removed(removed))
    }
}

fn saga_ids<'e>(new: &[&'e SagaEvent]) -> Vec<&'e str> {
    let mut saga_ids: Vec<&str> = new.iter().map(|event| event.saga_id.as_str()).collect();
    saga_ids.dedup();
    saga_ids
}

/// Writes sagas, ordered by id.
pub(super) async fn write(connection: &mut PgConnection, updated: &[UpdatedSaga]) -> Result<(), Abort> {
    let (new, known): (Vec<&UpdatedSaga>, Vec<&UpdatedSaga>) =
        updated.iter().partition(|saga| saga.version == 1);
    let conflict = || Abort::Conflict("another writer made the same saga".into());
    let is_copied = copy::is_worth_it(new.len());
    let made = make(connection, &new).await.map_err(|failure| match failure {
        failure if error::is_known_key(&failure) || is_copied && error::is_unexplained(&failure) => {
            conflict()
        }
        failure => failure.into(),
    })?;
    if made != new.len() as u64 {
        return Err(match is_copied {
            // Another writer's saga makes a COPY fail.
            true => AppendError::not_kept().into(),
            false => conflict(),
        });
    }
    if write_arrays(connection, &UPDATE, &known).await? != known.len() as u64 {
        return Err(conflict());
    }
    Ok(())
}

async fn make(connection: &mut PgConnection, new: &[&UpdatedSaga]) -> Result<u64, sqlx::Error> {
    if copy::is_worth_it(new.len()) {
        let rows = new.iter().map(|saga| InstanceRow::of(saga));
        table::copied(rows, ROW_BYTES).copy(connection, &COPY).await
    } else {
        write_arrays(connection, &INSERT, new).await
    }
}

/// Runs a statement on sagas as arrays; how many rows it wrote.
async fn write_arrays(
    connection: &mut PgConnection,
    statement: &'static str,
    sagas: &[&UpdatedSaga],
) -> Result<u64, sqlx::Error> {
    if sagas.is_empty() {
        return Ok(0);
    }
    let rows: Vec<InstanceRow<'_>> = sagas.iter().map(|saga| InstanceRow::of(saga)).collect();
    let written = table::bind(sqlx::query(statement), &rows)
        .execute(connection)
        .await?;
    Ok(written.rows_affected())
}
