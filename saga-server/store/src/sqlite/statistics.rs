//! Counts and durations, added up from the roll-ups and, at the ends of a period, from the sagas themselves.

use std::ops::Range;

use saga_types::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::error;
use crate::{
    Attention, Statistics, StatisticsQuery, StoreError,
    rollup::{Counts, Cover},
    rows::corrupt,
};

pub(super) async fn attention(pool: &SqlitePool, now: Timestamp) -> Result<Attention, StoreError> {
    const SQL: &str = "SELECT (SELECT count(*) FROM saga_instance WHERE awaited_deadline < ?), \
        (SELECT count(*) FROM saga_instance WHERE owed_since IS NOT NULL), \
        (SELECT max(ended_at) FROM saga_instance WHERE current_status = 'FAILED')";
    let (stuck, owing, last_failed_at): (i64, i64, Option<i64>) = sqlx::query_as(SQL)
        .bind(now.as_millis())
        .fetch_one(pool)
        .await
        .map_err(error::store)?;
    Ok(Attention {
        stuck: stuck.cast_unsigned(),
        owing: owing.cast_unsigned(),
        last_failed_at: last_failed_at
            .map(Timestamp::from_millis)
            .transpose()
            .map_err(corrupt)?,
    })
}

pub(super) async fn statistics(pool: &SqlitePool, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
    let mut counts = Counts::default();
    for (saga_type, status, from_ms, sagas, duration_ms) in counted(pool, query).await? {
        counts.add(saga_type, &status, from_ms, sagas, duration_ms)?;
    }
    Ok(counts.finish())
}

/// How many sagas of a type, in a status, of a class of durations, and how long they took together.
pub(super) type Row = (String, String, i64, i64, f64);

pub(super) async fn counted(pool: &SqlitePool, query: &StatisticsQuery) -> Result<Vec<Row>, StoreError> {
    let mut counting = counting(query);
    counting
        .build_query_as()
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

/// One statement, and so one snapshot: a saga cannot be counted in two places, or in none.
fn counting(query: &StatisticsQuery) -> QueryBuilder<Sqlite> {
    let cover = Cover::of(query);
    let mut sql = QueryBuilder::new(
        "SELECT saga_type, status, from_ms, sum(sagas), total(duration_ms) FROM (\
         SELECT '' AS saga_type, '' AS status, 0 AS from_ms, 0 AS sagas, 0 AS duration_ms WHERE false",
    );
    for (width, range) in &cover.buckets {
        sql.push(" UNION ALL SELECT saga_type, status, from_ms, sagas, duration_ms FROM saga_rollup")
            .push(format_args!(" WHERE width = {width} AND bucket"));
        push_range(&mut sql, range, "bucket", query);
    }
    for range in &cover.edges {
        sql.push(
            " UNION ALL SELECT saga_type, status, from_ms, 1, duration_ms FROM saga_counted WHERE started_at",
        );
        push_range(&mut sql, range, "started_at", query);
    }
    sql.push(") AS counted GROUP BY saga_type, status, from_ms");
    sql
}

fn push_range(sql: &mut QueryBuilder<Sqlite>, range: &Range<i64>, column: &str, query: &StatisticsQuery) {
    sql.push(" >= ")
        .push_bind(range.start)
        .push(format_args!(" AND {column} < "))
        .push_bind(range.end);
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ")
            .push_bind(saga_type.as_str().to_owned());
    }
}
