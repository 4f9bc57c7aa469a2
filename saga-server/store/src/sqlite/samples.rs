//! What a bounded number of sagas of a period say.
//!
//! SQLite has no lateral join: each range of time and each saga is asked for by itself, within this process.

use sqlx::SqlitePool;

use super::{error, rows::decode};
use crate::{FailureCount, FlowQuery, Span, StoreError, columns::Bound, flow::FlowStep};

const FAILURES: &str = r"
SELECT failed_step, substr(failure_reason, 1, ?4), count(*) FROM (
    SELECT failed_step, failure_reason FROM saga_instance
    WHERE current_status = ?1 AND started_at >= ?2 AND started_at < ?3
    ORDER BY started_at DESC, saga_id DESC LIMIT ?5
) GROUP BY 1, 2";

const SAGAS: &str = r"
SELECT saga_id FROM saga_instance WHERE saga_type = ?1 AND started_at >= ?2 AND started_at < ?3
ORDER BY started_at DESC, saga_id DESC LIMIT ?4";

const STEPS: &str = r"
SELECT saga_id, step, status, recorded_at FROM saga_steps WHERE saga_id = ?1 ORDER BY recorded_at, event_id LIMIT ?2";

pub(super) async fn failures(
    pool: &SqlitePool,
    span: &Span,
    most: u32,
) -> Result<Vec<FailureCount>, StoreError> {
    let mut connection = pool.acquire().await.map_err(error::store)?;
    let mut counts = Vec::new();
    for (slot, range) in span.ranges().enumerate() {
        for status in FailureCount::STATUSES {
            let rows: Vec<(Option<String>, Option<String>, i64)> = sqlx::query_as(FAILURES)
                .bind(status.as_str())
                .bind(Bound(range.start))
                .bind(Bound(range.end))
                .bind(i64::from(FailureCount::CHARS))
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

/// The steps of sagas from all of the period, the newest saga first.
pub(super) async fn steps(
    pool: &SqlitePool,
    query: &FlowQuery,
    total: u64,
) -> Result<Vec<FlowStep>, StoreError> {
    let (ranges, each) = query.stretches(total);
    let mut connection = pool.acquire().await.map_err(error::store)?;
    let mut steps = Vec::new();
    for range in ranges.into_iter().rev() {
        let saga_ids: Vec<String> = sqlx::query_scalar(SAGAS)
            .bind(query.saga_type.as_str())
            .bind(Bound(range.start))
            .bind(Bound(range.end))
            .bind(each)
            .fetch_all(&mut *connection)
            .await
            .map_err(error::store)?;
        for saga_id in saga_ids {
            let rows = sqlx::query(STEPS)
                .bind(&saga_id)
                .bind(i64::from(FlowQuery::STEPS))
                .fetch_all(&mut *connection)
                .await
                .map_err(error::store)?;
            for row in &rows {
                steps.push(decode(row)?);
            }
        }
    }
    Ok(steps)
}
