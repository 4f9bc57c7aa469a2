//! Counts and durations, added up from the roll-ups and, at the ends of a period, from the sagas themselves.

use std::ops::Range;

use saga_types::Timestamp;
use sqlx::QueryBuilder;

use super::{Connection, Db, Pool, dialect, error, scope::push_scope};
use crate::{
    Attention, Scope, Span, Statistics, StatisticsQuery, StoreError,
    columns::{Bound, Moment},
    rollup::{Counted, Counts, Cover},
};

const ATTENTION: &str = r"
SELECT (SELECT count(*) FROM saga_instance WHERE awaited_deadline < $1),
    (SELECT count(*) FROM saga_instance WHERE owed_since IS NOT NULL),
    (SELECT max(ended_at) FROM saga_instance WHERE current_status = 'FAILED')";

pub(super) async fn attention(pool: &Pool, now: Timestamp) -> Result<Attention, StoreError> {
    let (stuck, owing, last_failed_at): (i64, i64, Option<Moment>) = sqlx::query_as(ATTENTION)
        .bind(Moment(now))
        .fetch_one(pool)
        .await
        .map_err(error::store)?;
    Ok(Attention {
        stuck: stuck.cast_unsigned(),
        owing: owing.cast_unsigned(),
        last_failed_at: last_failed_at.map(|moment| moment.0),
    })
}

pub(super) async fn statistics(pool: &Pool, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
    let mut counts = Counts::default();
    let mut connection = pool.acquire().await.map_err(error::store)?;
    for row in counted(&mut connection, query).await? {
        counts.add(row)?;
    }
    Ok(counts.finish())
}

pub(super) async fn counted(
    connection: &mut Connection,
    query: &StatisticsQuery,
) -> Result<Vec<Counted>, StoreError> {
    // PostgreSQL takes no U+0000, and no type has one.
    let saga_type = query.saga_type.as_ref().map(|saga_type| saga_type.as_str());
    if [saga_type, query.failure_group.as_deref()]
        .into_iter()
        .flatten()
        .any(|text| text.contains('\0'))
    {
        return Ok(Vec::new());
    }
    let mut counting = counting(query);
    counting
        .build_query_as()
        .fetch_all(connection)
        .await
        .map_err(error::store)
}

/// How many sagas of each status started in each bucket: the start of a bucket no wider than the slots, or of what is left at
/// the ends of the period.
pub(super) async fn slots(
    connection: &mut Connection,
    span: &Span,
    scope: &Scope,
) -> Result<Vec<(Bound, String, i64)>, StoreError> {
    slotting(span, scope, "status")
        .push(" GROUP BY bucket, status")
        .build_query_as()
        .fetch_all(connection)
        .await
        .map_err(error::store)
}

/// The same by the class of their durations, of those that have one.
pub(super) async fn durations(
    connection: &mut Connection,
    span: &Span,
    scope: &Scope,
) -> Result<Vec<(Bound, i64, i64)>, StoreError> {
    slotting(span, scope, "from_ms")
        .push(" WHERE from_ms >= 0 GROUP BY bucket, from_ms")
        .build_query_as()
        .fetch_all(connection)
        .await
        .map_err(error::store)
}

/// How many sagas of each value of a column started in each bucket, but for the grouping.
fn slotting(span: &Span, scope: &Scope, column: &str) -> QueryBuilder<Db> {
    let query = StatisticsQuery {
        archived: true,
        ..span.statistics(scope)
    };
    let cover = Cover::no_wider(&query, span.width().seconds());
    let mut sql = QueryBuilder::new("");
    sql.push(format_args!(
        "SELECT bucket, {column}, CAST(sum(sagas) AS bigint) FROM \
         (SELECT bucket, {column}, sagas FROM saga_rollup WHERE false"
    ));
    for (table, width, range) in buckets(&cover, &query) {
        sql.push(format_args!(
            " UNION ALL SELECT bucket, {column}, sagas FROM {table} WHERE width = {width} AND bucket"
        ));
        push_range(&mut sql, range, "bucket", &query);
    }
    if let (Some(changes), Some(range)) = (dialect::ROLLUP_CHANGES, &cover.whole) {
        sql.push(format_args!(
            " UNION ALL SELECT minute, {column}, sagas FROM {changes} WHERE minute"
        ));
        push_range(&mut sql, range, "minute", &query);
    }
    for range in &cover.edges {
        sql.push(" UNION ALL SELECT ").push_bind(Bound(range.start));
        sql.push(format_args!(", {column}, 1 FROM saga_counted WHERE started_at"));
        push_range(&mut sql, range, "started_at", &query);
    }
    sql.push(") AS counted");
    sql
}

/// One statement, and so one snapshot: a saga cannot be counted in two places, or in none.
fn counting(query: &StatisticsQuery) -> QueryBuilder<Db> {
    let cover = Cover::of(query);
    let mut sql =
        QueryBuilder::new("SELECT saga_type, status, from_ms, CAST(sum(sagas) AS bigint) AS sagas, ");
    sql.push(dialect::SUM_OF_DURATIONS).push(
        " AS duration_ms FROM (SELECT '' AS saga_type, '' AS status, CAST(0 AS bigint) AS from_ms, \
         CAST(0 AS bigint) AS sagas, CAST(0 AS numeric) AS duration_ms WHERE false",
    );
    let columns = " UNION ALL SELECT saga_type, status, from_ms, sagas, duration_ms FROM";
    for (table, width, range) in buckets(&cover, query) {
        sql.push(format_args!("{columns} {table} WHERE width = {width} AND bucket"));
        push_range(&mut sql, range, "bucket", query);
    }
    if let (Some(changes), Some(range)) = (dialect::ROLLUP_CHANGES, &cover.whole) {
        sql.push(format_args!("{columns} {changes} WHERE minute"));
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

/// The buckets of a period, of each table that counts what is asked for.
fn buckets<'a>(
    cover: &'a Cover,
    query: &StatisticsQuery,
) -> impl Iterator<Item = (&'static str, i64, &'a Range<i64>)> {
    let tables = match query.archived {
        true => ["saga_rollup", "saga_rollup_archived"].as_slice(),
        false => &["saga_rollup"],
    };
    let buckets = cover.buckets.iter();
    buckets.flat_map(|(width, range)| tables.iter().map(move |table| (*table, *width, range)))
}

fn push_range(sql: &mut QueryBuilder<Db>, range: &Range<i64>, column: &str, query: &StatisticsQuery) {
    sql.push(" >= ")
        .push_bind(Bound(range.start))
        .push(format_args!(" AND {column} < "))
        .push_bind(Bound(range.end));
    push_scope(sql, "saga_type", &query.scope);
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ")
            .push_bind(saga_type.as_str().to_owned());
    }
    if let Some(group) = &query.failure_group {
        sql.push(" AND failure_group = ").push_bind(group.clone());
    }
}
