//! How things went along a period: from the roll-ups, and from a bounded number of sagas.
//!
//! SQLite has no lateral join; there each stretch of time and each saga is asked for by itself, within this process.

use async_trait::async_trait;
use saga_types::Timestamp;
use sqlx::Row;

use super::{SqliteStore, error, read, statistics};
use crate::{
    FailureCount, Flow, FlowQuery, Span, StoreError, TrendStore, Trends,
    flow::{self, FlowStep},
    rollup::CountsByType,
    rows::corrupt,
};

const SLOTS: &str = r"
SELECT bucket, status, sum(sagas) FROM saga_rollup WHERE width = ?1 AND bucket >= ?2 AND bucket < ?3
GROUP BY bucket, status";

const FAILURES: &str = r"
SELECT failed_step, substr(failure_reason, 1, ?4), count(*) FROM (
    SELECT failed_step, failure_reason FROM saga_instance
    WHERE current_status = ?1 AND started_at >= ?2 AND started_at < ?3
    ORDER BY started_at DESC, saga_id DESC LIMIT ?5
) GROUP BY 1, 2";

const SAGAS: &str = r"
SELECT saga_id FROM saga_instance WHERE saga_type = ?1 AND started_at >= ?2 AND started_at < ?3
ORDER BY started_at DESC, saga_id DESC LIMIT ?4";

const WAY: &str = r"
SELECT step, status, recorded_at FROM saga_steps WHERE saga_id = ?1 ORDER BY recorded_at, event_id LIMIT ?2";

#[async_trait]
impl TrendStore for SqliteStore {
    async fn trends(&self, span: &Span) -> Result<Trends, StoreError> {
        let mut trends = Trends::of_nothing(span);
        let range = span.range();
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(SLOTS)
            .bind(span.width().seconds())
            .bind(range.start)
            .bind(range.end)
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        for (bucket, status, sagas) in rows {
            trends.add(span, bucket, status.parse().map_err(corrupt)?, sagas);
        }
        let mut counts = CountsByType::default();
        for (saga_type, status, from_ms, sagas, duration_ms) in
            statistics::counted(&self.readers, &span.statistics()).await?
        {
            counts.add(saga_type, &status, from_ms, sagas, duration_ms)?;
        }
        trends.by_type = counts.finish()?;
        Ok(trends)
    }

    async fn failures(&self, span: &Span, most: u32) -> Result<Vec<FailureCount>, StoreError> {
        let mut connection = self.readers.acquire().await.map_err(error::store)?;
        let mut counts = Vec::new();
        for (slot, range) in span.ranges().enumerate() {
            for status in FailureCount::STATUSES {
                let rows: Vec<(Option<String>, Option<String>, i64)> = sqlx::query_as(FAILURES)
                    .bind(status.as_str())
                    .bind(range.start)
                    .bind(range.end)
                    .bind(i64::try_from(FailureCount::REASON_CHARS).unwrap_or(i64::MAX))
                    .bind(i64::from(most))
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(error::store)?;
                counts.extend(rows.into_iter().map(|(step, reason, sagas)| FailureCount {
                    slot,
                    status,
                    step,
                    reason,
                    sagas: sagas.cast_unsigned(),
                }));
            }
        }
        Ok(counts)
    }

    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError> {
        let mut counting = query.span.statistics();
        counting.saga_type = Some(query.saga_type.clone());
        let total = statistics::statistics(&self.readers, &counting).await?.total;
        let (stretches, each) = query.stretches(total);
        let mut connection = self.readers.acquire().await.map_err(error::store)?;
        let mut steps = Vec::new();
        for range in stretches.into_iter().rev() {
            let saga_ids: Vec<String> = sqlx::query_scalar(SAGAS)
                .bind(query.saga_type.as_str())
                .bind(range.start)
                .bind(range.end)
                .bind(each)
                .fetch_all(&mut *connection)
                .await
                .map_err(error::store)?;
            for saga_id in saga_ids {
                let rows = sqlx::query(WAY)
                    .bind(&saga_id)
                    .bind(i64::from(FlowQuery::STEPS))
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(error::store)?;
                for row in &rows {
                    let recorded_at: Timestamp = read::timestamp(row, 2)?;
                    steps.push(FlowStep {
                        saga_id: saga_id.clone(),
                        step: row.try_get(0).map_err(error::store)?,
                        status: row.try_get(1).map_err(error::store)?,
                        recorded_at,
                    });
                }
            }
        }
        flow::gather(query, total, steps)
    }
}
