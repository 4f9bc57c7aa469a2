//! The roll-ups of statistics: changed with each batch, recounted.
//!
//! Rule of thumb: there is one writer, so the counts themselves are updated, in the batch's own transaction.

use std::collections::BTreeMap;

use sqlx::{Executor, SqliteConnection, SqlitePool};

use super::{dialect, error, table::json};
use crate::{
    Rebuild, StoreError,
    layout::Layout,
    rollup::{self, Change, Place},
};

macro_rules! add_to {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " AS kept (width, bucket, saga_type, status, from_ms, sagas, duration_ms) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
             FROM json_each(?) WHERE true \
             ON CONFLICT (width, bucket, saga_type, status, from_ms) DO UPDATE SET sagas = kept.sagas + excluded.sagas, \
             duration_ms = kept.duration_ms + excluded.duration_ms"
        )
    };
}

const CHANGE: &str = add_to!("saga_rollup");

const ADD_ARCHIVED: &str = add_to!("saga_rollup_archived");

/// Counts that have fallen to zero.
const REMOVE_EMPTY: &str = r"
DELETE FROM saga_rollup
WHERE (width, bucket, saga_type, status, from_ms) IN
    (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)) AND sagas = 0";

/// The counts as they should be, of all widths.
macro_rules! counted {
    () => {
        "SELECT widths.width, started_at - (started_at % (widths.width * 1000) + widths.width * 1000) \
         % (widths.width * 1000) AS bucket, saga_type, status, from_ms, count(*) AS sagas, sum(duration_ms) AS duration_ms \
         FROM saga_counted, (SELECT 60 AS width UNION ALL SELECT 3600 UNION ALL SELECT 86400) AS widths \
         GROUP BY 1, 2, 3, 4, 5"
    };
}

/// Counts that are not as they should be.
const WRONG: &str = concat!(
    "WITH counted AS (",
    counted!(),
    ") SELECT count(*) FROM (\
     SELECT width, bucket, saga_type, status, from_ms FROM (SELECT * FROM counted EXCEPT SELECT * FROM saga_rollup) \
     UNION \
     SELECT width, bucket, saga_type, status, from_ms FROM (SELECT * FROM saga_rollup EXCEPT SELECT * FROM counted))"
);

const RECOUNT: &str = concat!("DELETE FROM saga_rollup; INSERT INTO saga_rollup ", counted!());

/// Changes the counts, within the transaction that changes the sagas.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    changes: &[(Place<'_>, Change)],
) -> Result<(), sqlx::Error> {
    add(connection, &[CHANGE, REMOVE_EMPTY], changes).await
}

/// Counts sagas that leave for the archive, within the transaction that removes them.
pub(super) async fn archive(
    connection: &mut SqliteConnection,
    changes: &[(Place<'_>, Change)],
) -> Result<(), sqlx::Error> {
    add(connection, &[ADD_ARCHIVED], changes).await
}

async fn add(
    connection: &mut SqliteConnection,
    statements: &[&'static str],
    changes: &[(Place<'_>, Change)],
) -> Result<(), sqlx::Error> {
    let changes = of_all_widths(changes);
    if changes.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = changes
        .iter()
        .map(|((width, place), change)| {
            (
                width,
                place.minute,
                place.saga_type,
                place.status,
                place.from_ms,
                change.sagas,
                change.duration_ms,
            )
        })
        .collect();
    let rows = json(&rows)?;
    for statement in statements {
        sqlx::query(*statement)
            .bind(rows.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn of_all_widths<'a>(changes: &[(Place<'a>, Change)]) -> BTreeMap<(i64, Place<'a>), Change> {
    let mut widened: BTreeMap<(i64, Place<'_>), Change> = BTreeMap::new();
    for (place, change) in changes {
        for width in rollup::WIDTHS {
            let minute = rollup::floor(place.minute, width);
            widened
                .entry((width, Place { minute, ..*place }))
                .or_default()
                .add(*change);
        }
    }
    widened
}

/// Counts all sagas; how many counts were wrong.
pub(super) async fn recount((writer, _): (&SqlitePool, Layout), rebuild: Rebuild) -> Result<u64, StoreError> {
    let mut transaction = writer.begin_with(dialect::BEGIN).await.map_err(error::store)?;
    let wrong: i64 = sqlx::query_scalar(WRONG)
        .fetch_one(&mut *transaction)
        .await
        .map_err(error::store)?;
    if rebuild == Rebuild::Write && wrong > 0 {
        transaction.execute(RECOUNT).await.map_err(error::store)?;
    }
    transaction.commit().await.map_err(error::store)?;
    Ok(wrong.cast_unsigned())
}
