//! What a bounded number of sagas of a period say.
//!
//! SQLite has no lateral join: each range of time and each saga is asked for by itself, within this process.

use saga_types::SagaType;
use sqlx::SqlitePool;

use super::{error, rows::decode_all};
use crate::{FlowQuery, Span, StoreError, columns::Bound, flow::FlowStep, layout::Layout};

/// The multiplication spreads the numbers of sagas that came one after the other evenly. The index of types and times has
/// the row's number, too.
const SAGAS: &str = r"
SELECT saga_id FROM saga_instance WHERE saga_type = ?1 AND started_at >= ?2 AND started_at < ?3
    AND ((((rowid & 2147483647) * 2654435761) >> 16) & 65535) < ?4
ORDER BY started_at DESC, saga_id DESC";

const STEPS: &str = r"
SELECT saga_id, step, status, recorded_at, producer_service FROM saga_steps WHERE saga_id = ?1 ORDER BY recorded_at, event_id LIMIT ?2";

const WITH_VERSION: &str = r"
SELECT EXISTS (
    SELECT 1 FROM saga_steps WHERE saga_id = ?1 AND json_extract(metadata, '$.serviceVersion') = ?2
)";

/// The sagas of the type and the period whose numbers are below the limit, the newest first.
pub(super) async fn sagas(
    pool: &SqlitePool,
    saga_type: &SagaType,
    span: &Span,
    below: i64,
) -> Result<Vec<String>, StoreError> {
    let range = span.range();
    sqlx::query_scalar(SAGAS)
        .bind(saga_type.as_str())
        .bind(Bound(range.start))
        .bind(Bound(range.end))
        .bind(below)
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

/// Those of the sagas that have a step of this version of a service, in their order.
pub(super) async fn with_version(
    (pool, _): (&SqlitePool, Layout),
    saga_ids: &[String],
    version: &str,
) -> Result<Vec<String>, StoreError> {
    let mut connection = pool.acquire().await.map_err(error::store)?;
    let mut with_version = Vec::new();
    for saga_id in saga_ids {
        let has_it: bool = sqlx::query_scalar(WITH_VERSION)
            .bind(saga_id)
            .bind(version)
            .fetch_one(&mut *connection)
            .await
            .map_err(error::store)?;
        if has_it {
            with_version.push(saga_id.clone());
        }
    }
    Ok(with_version)
}

/// The first steps of each of the sagas, in the sagas' order.
pub(super) async fn steps(
    (pool, _): (&SqlitePool, Layout),
    saga_ids: &[String],
) -> Result<Vec<FlowStep>, StoreError> {
    let mut connection = pool.acquire().await.map_err(error::store)?;
    let mut steps = Vec::new();
    for saga_id in saga_ids {
        let rows = sqlx::query(STEPS)
            .bind(saga_id)
            .bind(i64::from(FlowQuery::EVENTS))
            .fetch_all(&mut *connection)
            .await
            .map_err(error::store)?;
        steps.extend(decode_all::<FlowStep>(&rows)?);
    }
    Ok(steps)
}
