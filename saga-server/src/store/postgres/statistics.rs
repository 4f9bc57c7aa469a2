//! Counts and durations, aggregated from the sagas themselves.

use chrono::{DateTime, Utc};
use saga_types::{SagaStatus, SagaType, Timestamp};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{error, read};
use crate::store::{Attention, Statistics, StatisticsQuery, StoreError, rows::corrupt};

pub(super) async fn count_by_status(pool: &PgPool) -> Result<[(SagaStatus, u64); 5], StoreError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT current_status, count(*) FROM saga_instance GROUP BY current_status")
            .fetch_all(pool)
            .await
            .map_err(error::store)?;
    let mut counts = SagaStatus::ALL.map(|status| (status, 0));
    for (status, count) in rows {
        counts[read::status(&status)? as usize].1 = count.cast_unsigned();
    }
    Ok(counts)
}

pub(super) async fn attention(pool: &PgPool, now: Timestamp) -> Result<Attention, StoreError> {
    const SQL: &str = "SELECT (SELECT count(*) FROM saga_instance WHERE awaited_deadline < $1), \
        (SELECT count(*) FROM saga_instance WHERE outstanding <> '{}'), \
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
    let mut statistics = Statistics::default();
    for (saga_type, status, count) in counts(pool, query).await? {
        let count = count.cast_unsigned();
        statistics.total += count;
        *statistics.by_status.entry(read::status(&status)?).or_default() += count;
        let saga_type = SagaType::try_from(saga_type).map_err(corrupt)?;
        *statistics.by_type.entry(saga_type).or_default() += count;
    }
    let (average, percentiles) = durations(pool, query).await?;
    statistics.average_seconds = average;
    statistics.percentile_seconds = percentiles.and_then(|seconds| seconds.try_into().ok());
    Ok(statistics)
}

async fn counts(pool: &PgPool, query: &StatisticsQuery) -> Result<Vec<(String, String, i64)>, StoreError> {
    let mut sql =
        QueryBuilder::new("SELECT saga_type, current_status, count(*) FROM saga_instance WHERE true");
    push_period(&mut sql, query);
    sql.push(" GROUP BY saga_type, current_status");
    sql.build_query_as().fetch_all(pool).await.map_err(error::store)
}

async fn durations(
    pool: &PgPool,
    query: &StatisticsQuery,
) -> Result<(Option<f64>, Option<Vec<f64>>), StoreError> {
    let mut sql = QueryBuilder::new(
        "SELECT avg(seconds), percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY seconds) \
         FROM (SELECT extract(epoch FROM ended_at - started_at)::float8 AS seconds FROM saga_instance \
         WHERE ended_at IS NOT NULL",
    );
    push_period(&mut sql, query);
    sql.push(") AS ended");
    sql.build_query_as().fetch_one(pool).await.map_err(error::store)
}

fn push_period(sql: &mut QueryBuilder<Postgres>, query: &StatisticsQuery) {
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ").push_bind(saga_type.as_str());
    }
    if let Some(from) = query.from {
        sql.push(" AND started_at >= ").push_bind(from.to_datetime());
    }
    if let Some(to) = query.to {
        sql.push(" AND started_at <= ").push_bind(to.to_datetime());
    }
}
