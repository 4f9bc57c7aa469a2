//! How things went along a period: from the roll-ups, and from a bounded number of sagas.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use saga_types::Timestamp;
use sqlx::PgPool;

use super::{PostgresStore, error, rollups, statistics};
use crate::{
    FailureCount, Flow, FlowQuery, Span, StoreError, TrendStore, Trends,
    flow::{self, FlowStep},
    rollup::CountsByType,
    rows::corrupt,
};

/// One statement, and so one snapshot of what was brought together and what was not yet.
const SLOTS: &str = r"
SELECT bucket, status, sum(sagas)::bigint FROM (
    SELECT bucket, status, sagas FROM saga_rollup WHERE width = $1 AND bucket >= $2 AND bucket < $3
    UNION ALL
    SELECT date_bin($1 * interval '1 second', minute, '0001-01-01 00:00:00+00'), status, sagas
    FROM saga_rollup_change WHERE minute >= $2 AND minute < $3
) AS counted GROUP BY bucket, status";

/// One stretch of an index for each slot and status.
const FAILURES: &str = r"
SELECT slot.place - 1, wanted.status, failed_step, left(failure_reason, $4), count(*)
FROM unnest($1::timestamptz[], $2::timestamptz[]) WITH ORDINALITY AS slot (starts, ends, place)
CROSS JOIN unnest($3::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT failed_step, failure_reason FROM saga_instance
    WHERE current_status = wanted.status AND started_at >= slot.starts AND started_at < slot.ends
    ORDER BY started_at DESC, saga_id DESC LIMIT $5
) AS saga
GROUP BY 1, 2, 3, 4";

/// One stretch of an index for each part of the period, and one for each saga.
const WAYS: &str = r"
SELECT saga.saga_id, step.step, step.status, step.recorded_at
FROM (
    SELECT found.saga_id, found.started_at
    FROM unnest($1::timestamptz[], $2::timestamptz[]) AS stretch (starts, ends)
    CROSS JOIN LATERAL (
        SELECT saga_id, started_at FROM saga_instance
        WHERE saga_type = $3 AND started_at >= stretch.starts AND started_at < stretch.ends
        ORDER BY started_at DESC, saga_id DESC LIMIT $4
    ) AS found
    ORDER BY found.started_at DESC, found.saga_id DESC
) AS saga
CROSS JOIN LATERAL (
    SELECT step, status, recorded_at, event_id FROM saga_steps WHERE saga_steps.saga_id = saga.saga_id
    ORDER BY recorded_at, event_id LIMIT $5
) AS step
ORDER BY saga.started_at DESC, saga.saga_id DESC, step.recorded_at, step.event_id";

#[async_trait]
impl TrendStore for PostgresStore {
    async fn trends(&self, span: &Span) -> Result<Trends, StoreError> {
        let query = span.statistics();
        let (slots, counted) = tokio::try_join!(
            slots(&self.readers, span),
            statistics::counted(&self.readers, &query)
        )?;
        let mut trends = Trends::of_nothing(span);
        for (bucket, status, sagas) in slots {
            let status = status.parse().map_err(corrupt)?;
            trends.add(span, bucket.timestamp_millis(), status, sagas);
        }
        let mut counts = CountsByType::default();
        for (saga_type, status, from_ms, sagas, duration_ms) in counted {
            counts.add(saga_type, &status, from_ms, sagas, duration_ms)?;
        }
        trends.by_type = counts.finish()?;
        Ok(trends)
    }

    async fn failures(&self, span: &Span, most: u32) -> Result<Vec<FailureCount>, StoreError> {
        let (starts, ends) = moments(span.ranges());
        let rows: Vec<(i64, String, Option<String>, Option<String>, i64)> = sqlx::query_as(FAILURES)
            .bind(starts)
            .bind(ends)
            .bind(FailureCount::STATUSES.map(|status| status.as_str()))
            .bind(i32::try_from(FailureCount::REASON_CHARS).unwrap_or(i32::MAX))
            .bind(i64::from(most))
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        let counts = rows.into_iter().map(|(slot, status, step, reason, sagas)| {
            Ok(FailureCount {
                slot: usize::try_from(slot).map_err(corrupt)?,
                status: status.parse().map_err(corrupt)?,
                step,
                reason,
                sagas: sagas.cast_unsigned(),
            })
        });
        counts.collect()
    }

    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError> {
        let total = total(&self.readers, query).await?;
        let (stretches, each) = query.stretches(total);
        let (starts, ends) = moments(stretches.into_iter());
        let rows: Vec<(String, String, String, DateTime<Utc>)> = sqlx::query_as(WAYS)
            .bind(starts)
            .bind(ends)
            .bind(query.saga_type.as_str())
            .bind(each)
            .bind(i64::from(FlowQuery::STEPS))
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        let steps = rows.into_iter().map(|(saga_id, step, status, recorded_at)| {
            Ok(FlowStep {
                saga_id,
                step,
                status,
                recorded_at: Timestamp::try_from(recorded_at).map_err(corrupt)?,
            })
        });
        flow::gather(query, total, steps.collect::<Result<Vec<_>, StoreError>>()?)
    }
}

async fn slots(pool: &PgPool, span: &Span) -> Result<Vec<(DateTime<Utc>, String, i64)>, StoreError> {
    let range = span.range();
    sqlx::query_as(SLOTS)
        .bind(span.width().seconds())
        .bind(rollups::moment(range.start))
        .bind(rollups::moment(range.end))
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

/// How many sagas of the type started within the period.
async fn total(pool: &PgPool, query: &FlowQuery) -> Result<u64, StoreError> {
    let mut counting = query.span.statistics();
    counting.saga_type = Some(query.saga_type.clone());
    Ok(statistics::statistics(pool, &counting).await?.total)
}

/// Where stretches of time begin and end, the ends exclusive.
fn moments(ranges: impl Iterator<Item = std::ops::Range<i64>>) -> (Vec<DateTime<Utc>>, Vec<DateTime<Utc>>) {
    ranges
        .map(|range| (rollups::moment(range.start), rollups::moment(range.end)))
        .unzip()
}
