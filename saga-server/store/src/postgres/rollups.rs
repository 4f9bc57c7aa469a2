//! The roll-ups of statistics: changed with each batch, merged from time to time, recounted.
//!
//! Rule of thumb: batches only add rows to `saga_rollup_change`. Were they to update the counts themselves, all writers of
//! all instances would wait for the same few rows, those of this minute, and leave dead versions of them behind. Whichever
//! instance comes first merges the changes, in one transaction; so a reader who adds both up is always right.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{Connection, Executor, PgConnection, PgPool};

use super::error;
use crate::{
    Rebuild, StoreError,
    columns::Bound,
    deadline::in_time,
    layout::Layout,
    rollup::{Change, Place},
};

/// How often an instance that stores batches merges changes. Readers add up those that are left.
const INTERVAL: Duration = Duration::from_secs(5);

const ADD_CHANGES: &str = r"
INSERT INTO saga_rollup_change (minute, saga_type, status, from_ms, sagas, duration_ms)
SELECT * FROM UNNEST($1::timestamptz[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])";

const ADD_ARCHIVED: &str = r"
INSERT INTO saga_rollup_archived AS kept (width, bucket, saga_type, status, from_ms, sagas, duration_ms)
SELECT width, date_bin(width * interval '1 second', minute, '0001-01-01 00:00:00+00'), saga_type, status, from_ms,
    sum(sagas), sum(duration_ms)
FROM UNNEST($1::timestamptz[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS archived (minute, saga_type, status, from_ms, sagas, duration_ms)
    CROSS JOIN (VALUES (60), (3600), (86400)) AS widths (width)
GROUP BY 1, 2, 3, 4, 5
ON CONFLICT (width, bucket, saga_type, status, from_ms)
    DO UPDATE SET sagas = kept.sagas + excluded.sagas, duration_ms = kept.duration_ms + excluded.duration_ms";

/// One instance at a time: two would wait for each other's rows, and in other orders.
const TRY_LOCK: &str =
    "SELECT pg_try_advisory_xact_lock(hashtext('saga_rollup'), 'saga_rollup'::regclass::oid::integer)";
const LOCK: &str = "SELECT pg_advisory_lock(hashtext('saga_rollup'), 'saga_rollup'::regclass::oid::integer)";
/// Of all transactions that [`begin_changing`](super::dialect::begin_changing).
const LOCK_CHANGES: &str =
    "SELECT pg_advisory_lock(hashtext('append'), 'saga_instance'::regclass::oid::integer)";
const UNLOCK: &str =
    "SELECT pg_advisory_unlock(hashtext('saga_rollup'), 'saga_rollup'::regclass::oid::integer)";

const MERGE: &str = r"
WITH change AS (DELETE FROM saga_rollup_change RETURNING *),
rolled AS (
    INSERT INTO saga_rollup AS kept (width, bucket, saga_type, status, from_ms, sagas, duration_ms)
    SELECT width, date_bin(width * interval '1 second', minute, '0001-01-01 00:00:00+00'), saga_type, status, from_ms,
        sum(sagas), sum(duration_ms)
    FROM change CROSS JOIN (VALUES (60), (3600), (86400)) AS widths (width)
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(sagas) <> 0 OR sum(duration_ms) <> 0
    ON CONFLICT (width, bucket, saga_type, status, from_ms)
        DO UPDATE SET sagas = kept.sagas + excluded.sagas, duration_ms = kept.duration_ms + excluded.duration_ms
    RETURNING width, bucket, saga_type, status, from_ms, sagas
)
SELECT width, bucket, saga_type, status, from_ms FROM rolled WHERE sagas = 0";

/// Counts that have fallen to zero.
const REMOVE_EMPTY: &str = r"
DELETE FROM saga_rollup USING UNNEST($1::integer[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[])
    AS empty (width, bucket, saga_type, status, from_ms)
WHERE saga_rollup.width = empty.width AND saga_rollup.bucket = empty.bucket
    AND saga_rollup.saga_type = empty.saga_type AND saga_rollup.status = empty.status
    AND saga_rollup.from_ms = empty.from_ms";

/// The counts as they should be, of all widths.
macro_rules! counted {
    () => {
        "SELECT width, date_bin(width * interval '1 second', started_at, '0001-01-01 00:00:00+00') AS bucket, saga_type, \
         status, from_ms, count(*)::numeric AS sagas, sum(duration_ms)::numeric AS duration_ms \
         FROM saga_counted CROSS JOIN (VALUES (60), (3600), (86400)) AS widths (width) GROUP BY 1, 2, 3, 4, 5"
    };
}

/// Counts that are not as they should be, changes included.
const WRONG: &str = concat!(
    "WITH counted AS (",
    counted!(),
    "), kept AS (SELECT width, bucket, saga_type, status, from_ms, sum(sagas) AS sagas, sum(duration_ms) AS duration_ms \
     FROM (SELECT * FROM saga_rollup UNION ALL SELECT width, date_bin(width * interval '1 second', minute, \
     '0001-01-01 00:00:00+00'), saga_type, status, from_ms, sagas, duration_ms FROM saga_rollup_change \
     CROSS JOIN (VALUES (60), (3600), (86400)) AS widths (width)) AS every GROUP BY 1, 2, 3, 4, 5 HAVING sum(sagas) <> 0) \
     SELECT count(*) FROM (\
     SELECT width, bucket, saga_type, status, from_ms FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept) AS missing \
     UNION \
     SELECT width, bucket, saga_type, status, from_ms FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted) AS superfluous\
     ) AS wrong"
);

/// With one snapshot for all: what is stored meanwhile stays among the changes.
const RECOUNT: &str = concat!(
    "DELETE FROM saga_rollup_change; DELETE FROM saga_rollup; INSERT INTO saga_rollup ",
    counted!(),
    " ORDER BY 1, 2"
);

/// When this process last merged changes.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= INTERVAL);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

/// Says how the counts change, within the transaction that changes the sagas.
pub(super) async fn change(
    connection: &mut PgConnection,
    changes: &[(Place<'_>, Change)],
) -> Result<(), sqlx::Error> {
    add(connection, ADD_CHANGES, changes).await
}

async fn add(
    connection: &mut PgConnection,
    statement: &'static str,
    changes: &[(Place<'_>, Change)],
) -> Result<(), sqlx::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let places = || changes.iter().map(|(place, _)| place);
    let changed = || changes.iter().map(|(_, change)| change);
    sqlx::query(statement)
        .bind(places().map(|place| Bound(place.minute)).collect::<Vec<_>>())
        .bind(places().map(|place| place.saga_type).collect::<Vec<_>>())
        .bind(places().map(|place| place.status).collect::<Vec<_>>())
        .bind(places().map(|place| place.from_ms).collect::<Vec<_>>())
        .bind(changed().map(|change| change.sagas).collect::<Vec<_>>())
        .bind(changed().map(|change| change.duration_ms).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Counts sagas that leave for the archive, within the transaction that removes them. One instance does that at a time.
pub(super) async fn archive(
    connection: &mut PgConnection,
    changes: &[(Place<'_>, Change)],
) -> Result<(), sqlx::Error> {
    add(connection, ADD_ARCHIVED, changes).await
}

/// Merges changes, unless that was done recently, or is being done.
pub(super) async fn merge_if_due(connection: &mut PgConnection, pace: &Pace) {
    let merged = async { merge(connection).await.map_err(error::store) };
    if pace.is_due()
        && let Err(error) = in_time(merged).await
    {
        // The changes stay in their table, and a later batch merges them.
        tracing::warn!(
            %error,
            "roll-ups of statistics not merged, retrying with a later batch"
        );
    }
}

async fn merge(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    if sqlx::query_scalar(TRY_LOCK).fetch_one(&mut *transaction).await? {
        let empty: Vec<(i32, Bound, String, String, i64)> =
            sqlx::query_as(MERGE).fetch_all(&mut *transaction).await?;
        sqlx::query(REMOVE_EMPTY)
            .bind(empty.iter().map(|row| row.0).collect::<Vec<_>>())
            .bind(empty.iter().map(|row| row.1).collect::<Vec<_>>())
            .bind(empty.iter().map(|row| row.2.as_str()).collect::<Vec<_>>())
            .bind(empty.iter().map(|row| row.3.as_str()).collect::<Vec<_>>())
            .bind(empty.iter().map(|row| row.4).collect::<Vec<_>>())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// Counts all sagas, while others go on storing where one snapshot has all tables; how many counts were wrong.
pub(super) async fn recount(
    (writers, layout): (&PgPool, Layout),
    rebuild: Rebuild,
) -> Result<u64, StoreError> {
    let mut connection = writers.acquire().await.map_err(error::store)?;
    if layout == Layout::Distributed {
        // Its locks end with the connection.
        connection.close_on_drop();
        connection.execute(LOCK_CHANGES).await.map_err(error::store)?;
    }
    // The lock is the session's, since a transaction must not have its snapshot before it has the lock.
    connection.execute(LOCK).await.map_err(error::store)?;
    let wrong = count_all(&mut connection, rebuild).await;
    if connection.execute(UNLOCK).await.is_err() {
        connection.close_on_drop();
    }
    wrong.map(i64::cast_unsigned).map_err(error::store)
}

async fn count_all(connection: &mut PgConnection, rebuild: Rebuild) -> Result<i64, sqlx::Error> {
    let mut transaction = connection
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
        .await?;
    // All sagas are to be read, whatever their number, and not by key.
    let settings =
        "SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on";
    transaction.execute(settings).await?;
    let wrong = sqlx::query_scalar(WRONG).fetch_one(&mut *transaction).await?;
    if rebuild == Rebuild::Write && wrong > 0 {
        transaction.execute(RECOUNT).await?;
    }
    transaction.commit().await?;
    Ok(wrong)
}
