//! What a bounded number of sagas of a period say.
//!
//! SQLite has no lateral join: each range of time and each saga is asked for by itself, within this process.

use sqlx::SqlitePool;

use super::{dialect, error, rows::decode_all};
use crate::{FailureCount, FlowQuery, Scope, Span, StoreError, columns::Bound, flow::FlowStep};

const FAILURES: &str = r"
SELECT failed_step, substr(failure_reason, 1, ?4), count(*) FROM (
    SELECT failed_step, failure_reason FROM saga_instance
    WHERE current_status = ?1 AND started_at >= ?2 AND started_at < ?3
        AND (?6 IS NULL OR saga_type IN (SELECT value FROM json_each(?6)))
    ORDER BY started_at DESC, saga_id DESC LIMIT ?5
) GROUP BY 1, 2";

/// The multiplication spreads the numbers of sagas that came one after the other evenly. The index of types and times has
/// the row's number, too.
const SAGAS: &str = r"
SELECT saga_id FROM saga_instance WHERE saga_type = ?1 AND started_at >= ?2 AND started_at < ?3
    AND ((((rowid & 2147483647) * 2654435761) >> 16) & 65535) < ?4
ORDER BY started_at DESC, saga_id DESC";

const STEPS: &str = r"
SELECT saga_id, step, status, recorded_at FROM saga_steps WHERE saga_id = ?1 ORDER BY recorded_at, event_id LIMIT ?2";

pub(super) async fn failures(
    pool: &SqlitePool,
    span: &Span,
    most: u32,
    scope: &Scope,
) -> Result<Vec<FailureCount>, StoreError> {
    let mut connection = pool.acquire().await.map_err(error::store)?;
    let types = scope.names().map(|types| dialect::list(&types));
    let mut counts = Vec::new();
    for (slot, range) in span.ranges().enumerate() {
        for status in FailureCount::STATUSES {
            let rows: Vec<(Option<String>, Option<String>, i64)> = sqlx::query_as(FAILURES)
                .bind(status.as_str())
                .bind(Bound(range.start))
                .bind(Bound(range.end))
                .bind(i64::from(FailureCount::CHARS))
                .bind(i64::from(most))
                .bind(&types)
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

/// The sagas of the type and the period whose numbers are below the limit, the newest first.
pub(super) async fn sagas(
    pool: &SqlitePool,
    query: &FlowQuery,
    below: i64,
) -> Result<Vec<String>, StoreError> {
    let range = query.span.range();
    sqlx::query_scalar(SAGAS)
        .bind(query.saga_type.as_str())
        .bind(Bound(range.start))
        .bind(Bound(range.end))
        .bind(below)
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

/// The first steps of each of the sagas, in the sagas' order.
pub(super) async fn steps(pool: &SqlitePool, saga_ids: &[String]) -> Result<Vec<FlowStep>, StoreError> {
    let mut connection = pool.acquire().await.map_err(error::store)?;
    let mut steps = Vec::new();
    for saga_id in saga_ids {
        let rows = sqlx::query(STEPS)
            .bind(saga_id)
            .bind(i64::from(FlowQuery::STEPS))
            .fetch_all(&mut *connection)
            .await
            .map_err(error::store)?;
        steps.extend(decode_all::<FlowStep>(&rows)?);
    }
    Ok(steps)
}
