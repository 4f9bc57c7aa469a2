//! What a bounded number of sagas of a period say.

use saga_types::{SagaStatus, SagaType};
use sqlx::PgPool;

use super::{error, rows::decode_all};
use crate::{FlowQuery, Span, StoreError, columns::Bound, flow::FlowStep, layout::Layout};

/// The sagas of a type and a period whose numbers are below a limit; an index has all that this looks at.
const SAGAS: &str = r"
SELECT saga_id FROM saga_instance
WHERE saga_type = $1 AND current_status = ANY($5) AND started_at >= $2 AND started_at < $3
    AND (hashtextextended(saga_id, 0) & 65535) < $4
ORDER BY started_at DESC, saga_id DESC";

/// The same where an index has only the numbers below 4096.
const FEW_SAGAS: &str = r"
SELECT saga_id FROM saga_instance
WHERE saga_type = $1 AND started_at >= $2 AND started_at < $3
    AND (hashtextextended(saga_id, 0) & 65535) < 4096 AND (hashtextextended(saga_id, 0) & 65535) < $4
ORDER BY started_at DESC, saga_id DESC";

/// Below this the index of `FEW_SAGAS` knows the numbers.
const INDEXED_BELOW: i64 = 4_096;

/// One range of an index for each saga.
const STEPS: &str = r"
SELECT saga.saga_id, step.step, step.status, step.recorded_at, step.producer_service
FROM unnest($1::text[]) WITH ORDINALITY AS saga (saga_id, place)
CROSS JOIN LATERAL (
    SELECT step, status, recorded_at, event_id, producer_service FROM saga_steps WHERE saga_steps.saga_id = saga.saga_id
    ORDER BY recorded_at, event_id LIMIT $2
) AS step
ORDER BY saga.place, step.recorded_at, step.event_id";

/// The same where Citus joins no function laterally.
const STEPS_DISTRIBUTED: &str = r"
SELECT saga_id, step, status, recorded_at, producer_service FROM (
    SELECT saga_id, step, status, recorded_at, producer_service,
        row_number() OVER (PARTITION BY saga_id ORDER BY recorded_at, event_id) AS place
    FROM saga_steps WHERE saga_id = ANY($1)
) AS step WHERE place <= $2
ORDER BY array_position($1::text[], saga_id), place";

/// One look into an index for each saga, whose few steps are then compared.
const WITH_VERSION: &str = r"
SELECT saga.saga_id FROM unnest($1::text[]) WITH ORDINALITY AS saga (saga_id, place)
WHERE EXISTS (
    SELECT 1 FROM saga_steps
    WHERE saga_steps.saga_id = saga.saga_id AND metadata @> jsonb_build_object('serviceVersion', $2::text)
)
ORDER BY saga.place";

const WITH_VERSION_DISTRIBUTED: &str = r"
SELECT saga_id FROM (
    SELECT DISTINCT saga_id FROM saga_steps
    WHERE saga_id = ANY($1) AND metadata @> jsonb_build_object('serviceVersion', $2::text)
) AS saga ORDER BY array_position($1::text[], saga_id)";

/// The sagas of the type and the period whose numbers are below the limit, the newest first.
pub(super) async fn sagas(
    pool: &PgPool,
    saga_type: &SagaType,
    span: &Span,
    below: i64,
) -> Result<Vec<String>, StoreError> {
    let range = span.range();
    let sql = if below <= INDEXED_BELOW { FEW_SAGAS } else { SAGAS };
    let asked = sqlx::query_scalar(sql)
        .bind(saga_type.as_str())
        .bind(Bound(range.start))
        .bind(Bound(range.end))
        .bind(below);
    let asked = if below <= INDEXED_BELOW {
        asked
    } else {
        asked.bind(SagaStatus::ALL.map(|status| status.as_str()))
    };
    asked.fetch_all(pool).await.map_err(error::store)
}

/// Those of the sagas that have a step of this version of a service, in their order.
pub(super) async fn with_version(
    (pool, layout): (&PgPool, Layout),
    saga_ids: &[String],
    version: &str,
) -> Result<Vec<String>, StoreError> {
    let statement = match layout {
        Layout::Single => WITH_VERSION,
        Layout::Distributed => WITH_VERSION_DISTRIBUTED,
    };
    sqlx::query_scalar(statement)
        .bind(saga_ids)
        .bind(version)
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

/// The first steps of each of the sagas, in the sagas' order.
pub(super) async fn steps(
    (pool, layout): (&PgPool, Layout),
    saga_ids: &[String],
) -> Result<Vec<FlowStep>, StoreError> {
    let statement = match layout {
        Layout::Single => STEPS,
        Layout::Distributed => STEPS_DISTRIBUTED,
    };
    let rows = sqlx::query(statement)
        .bind(saga_ids)
        .bind(i64::from(FlowQuery::EVENTS))
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
    decode_all(&rows)
}
