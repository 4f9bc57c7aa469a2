//! Counts and durations, added up from the roll-ups and, at the ends of a period, from the sagas themselves.

use std::ops::Range;

use chrono::{DateTime, Utc};
use saga_types::Timestamp;
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{error, rollups};
use crate::{
    Attention, Statistics, StatisticsQuery, StoreError,
    rollup::{Counts, Cover},
    rows::corrupt,
};

pub(super) async fn attention(pool: &PgPool, now: Timestamp) -> Result<Attention, StoreError> {
    const SQL: &str = "SELECT (SELECT count(*) FROM saga_instance WHERE awaited_deadline < $1), \
        (SELECT count(*) FROM saga_instance WHERE owed_since IS NOT NULL), \
        (SELECT max(ended_at) FROM saga_instance WHERE current_status = 'FAILED')";
    let (stuck, owing, last_failed_at): (i64, i64, Option<DateTime<Utc>>) = sqlx::query_as(SQL)
        .bind(now.to_datetime())
        .fetch_one(pool)
        .await
        .map_err(error::store)?;
    Ok(Attention {
        stuck: stuck.cast_unsigned(),
        owing: owing.cast_unsigned(),
        last_failed_at: last_failed_at
            .map(Timestamp::try_from)
            .transpose()
            .map_err(corrupt)?,
    })
}

pub(super) async fn statistics(pool: &PgPool, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
    if query
        .saga_type
        .as_ref()
        .is_some_and(|saga_type| saga_type.as_str().contains('\0'))
    {
        return Ok(Statistics::default());
    }
    let mut counts = Counts::default();
    for (saga_type, status, from_ms, sagas, duration_ms) in counted(pool, query).await? {
        counts.add(saga_type, &status, from_ms, sagas, duration_ms)?;
    }
    Ok(counts.finish())
}

/// How many sagas of a type, in a status, of a class of durations, and how long they took together.
pub(super) type Row = (String, String, i64, i64, f64);

pub(super) async fn counted(pool: &PgPool, query: &StatisticsQuery) -> Result<Vec<Row>, StoreError> {
    let mut counting = counting(query);
    counting
        .build_query_as()
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

/// One statement, and so one snapshot: a saga cannot be counted in two places, or in none.
fn counting(query: &StatisticsQuery) -> QueryBuilder<Postgres> {
    let cover = Cover::of(query);
    let mut sql = QueryBuilder::new(
        "SELECT saga_type, status, from_ms, sum(sagas)::bigint, sum(duration_ms)::float8 FROM (\
         SELECT '' AS saga_type, '' AS status, 0::bigint AS from_ms, 0::bigint AS sagas, 0::numeric AS duration_ms \
         WHERE false",
    );
    let columns = " UNION ALL SELECT saga_type, status, from_ms, sagas, duration_ms FROM";
    for (width, range) in &cover.buckets {
        sql.push(format_args!(
            "{columns} saga_rollup WHERE width = {width} AND bucket"
        ));
        push_range(&mut sql, range, "bucket", query);
    }
    if let Some(range) = &cover.whole {
        sql.push(format_args!("{columns} saga_rollup_change WHERE minute"));
        push_range(&mut sql, range, "minute", query);
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

fn push_range(sql: &mut QueryBuilder<Postgres>, range: &Range<i64>, column: &str, query: &StatisticsQuery) {
    sql.push(" >= ")
        .push_bind(rollups::moment(range.start))
        .push(format_args!(" AND {column} < "))
        .push_bind(rollups::moment(range.end));
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ")
            .push_bind(saga_type.as_str().to_owned());
    }
}
