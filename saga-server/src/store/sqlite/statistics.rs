//! Counts and durations, aggregated from the sagas themselves.

use saga_types::{SagaStatus, SagaType, Timestamp};
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::{error, read};
use crate::store::{Attention, Statistics, StatisticsQuery, StoreError, rows::corrupt};

pub(super) async fn count_by_status(pool: &SqlitePool) -> Result<[(SagaStatus, u64); 5], StoreError> {
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

pub(super) async fn attention(pool: &SqlitePool, now: Timestamp) -> Result<Attention, StoreError> {
    const SQL: &str = "SELECT (SELECT count(*) FROM saga_instance WHERE awaited_deadline < ?), \
        (SELECT count(*) FROM saga_instance WHERE outstanding <> '[]'), \
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
    let mut statistics = Statistics::default();
    for (saga_type, status, count) in counts(pool, query).await? {
        let count = count.cast_unsigned();
        statistics.total += count;
        *statistics.by_status.entry(read::status(&status)?).or_default() += count;
        let saga_type = SagaType::try_from(saga_type).map_err(corrupt)?;
        *statistics.by_type.entry(saga_type).or_default() += count;
    }
    let ended = ended(pool, query).await?;
    statistics.average_seconds = ended.average_millis.map(|millis| millis / 1000.0);
    statistics.percentile_seconds = percentiles(pool, query, ended.count).await?;
    Ok(statistics)
}

async fn counts(
    pool: &SqlitePool,
    query: &StatisticsQuery,
) -> Result<Vec<(String, String, i64)>, StoreError> {
    let mut sql =
        QueryBuilder::new("SELECT saga_type, current_status, count(*) FROM saga_instance WHERE true");
    push_period(&mut sql, query);
    sql.push(" GROUP BY saga_type, current_status");
    sql.build_query_as().fetch_all(pool).await.map_err(error::store)
}

struct Ended {
    count: i64,
    average_millis: Option<f64>,
}

async fn ended(pool: &SqlitePool, query: &StatisticsQuery) -> Result<Ended, StoreError> {
    let mut sql = QueryBuilder::new(
        "SELECT count(*), avg(ended_at - started_at) FROM saga_instance WHERE ended_at IS NOT NULL",
    );
    push_period(&mut sql, query);
    let (count, average_millis) = sql.build_query_as().fetch_one(pool).await.map_err(error::store)?;
    Ok(Ended {
        count,
        average_millis,
    })
}

/// Interpolated between the two nearest durations, as `percentile_cont` does.
async fn percentiles(
    pool: &SqlitePool,
    query: &StatisticsQuery,
    count: i64,
) -> Result<Option<[f64; 3]>, StoreError> {
    if count == 0 {
        return Ok(None);
    }
    let ranks = [0.5, 0.95, 0.99].map(|share| share * (count - 1) as f64);
    let mut sql = QueryBuilder::new(
        "SELECT rank, seconds FROM (SELECT row_number() OVER (ORDER BY ended_at - started_at) - 1 AS rank, \
         (ended_at - started_at) / 1000.0 AS seconds FROM saga_instance WHERE ended_at IS NOT NULL",
    );
    push_period(&mut sql, query);
    sql.push(") WHERE rank IN (");
    let mut wanted = sql.separated(", ");
    for rank in ranks {
        wanted.push_bind(rank.floor()).push_bind(rank.ceil());
    }
    sql.push(")");
    let seconds: Vec<(i64, f64)> = sql.build_query_as().fetch_all(pool).await.map_err(error::store)?;
    let at = |rank: f64| {
        let found = seconds.iter().find(|(found, _)| *found as f64 == rank);
        found.map_or(0.0, |(_, seconds)| *seconds)
    };
    Ok(Some(ranks.map(|rank| {
        let (below, above) = (at(rank.floor()), at(rank.ceil()));
        below + (above - below) * rank.fract()
    })))
}

fn push_period(sql: &mut QueryBuilder<Sqlite>, query: &StatisticsQuery) {
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ").push_bind(saga_type.as_str());
    }
    if let Some(from) = query.from {
        sql.push(" AND started_at >= ").push_bind(from.as_millis());
    }
    if let Some(to) = query.to {
        sql.push(" AND started_at <= ").push_bind(to.as_millis());
    }
}
