//! What a bounded number of sagas of a period say.
//!
//! Rule of thumb: one statement for many sagas, since each one costs more than the rows of a saga do.

use saga_types::SagaType;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::{dialect, error, rows::decode_all};
use crate::{FlowQuery, Span, StoreError, columns::Bound, flow::FlowStep, layout::Layout};

/// The number of a saga. The multiplication spreads the numbers of sagas that came one after the other evenly. The index of types and
/// times has the row's number, too.
pub(super) const NUMBER: &str = "((((rowid & 2147483647) * 2654435761) >> 16) & 65535)";

/// One range of an index for each saga, in the sagas' order.
const STEPS: &str = r"
SELECT saga_id, step, status, recorded_at, producer_service, service_version FROM (
    SELECT saga.key AS saga, step.saga_id, step, status, recorded_at, producer_service,
        CASE WHEN producer_service = ?3 THEN
            CASE json_type(metadata, '$.serviceVersion') WHEN 'text' THEN metadata ->> 'serviceVersion' END
        END AS service_version,
        row_number() OVER (PARTITION BY saga.key ORDER BY recorded_at, event_id) AS place
    FROM json_each(?1) AS saga CROSS JOIN saga_steps AS step ON step.saga_id = saga.value
) WHERE place <= ?2 ORDER BY saga, place";

const WITH_VERSION: &str = r"
SELECT saga.value FROM json_each(?1) AS saga WHERE EXISTS (
    SELECT 1 FROM saga_steps WHERE saga_id = saga.value AND json_extract(metadata, '$.serviceVersion') = ?2
) ORDER BY saga.key";

/// Those of a type and a period whose numbers are below the limit.
pub(super) fn push_sagas(
    sql: &mut QueryBuilder<Sqlite>,
    columns: &str,
    (saga_type, below): (&SagaType, i64),
    span: &Span,
) {
    let range = span.range();
    sql.push(format_args!(
        "SELECT {columns} FROM saga_instance WHERE saga_type = "
    ))
    .push_bind(saga_type.as_str().to_owned())
    .push(" AND started_at >= ")
    .push_bind(Bound(range.start))
    .push(" AND started_at < ")
    .push_bind(Bound(range.end))
    .push(format_args!(" AND {NUMBER} < "))
    .push_bind(below);
}

/// Those of the sagas that have a step of this version of a service, in their order.
pub(super) async fn with_version(
    (pool, _): (&SqlitePool, Layout),
    saga_ids: &[String],
    version: &str,
) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(WITH_VERSION)
        .bind(dialect::list(saga_ids))
        .bind(version)
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

/// The first steps of each of the sagas, in the sagas' order; with its version where a service is given.
pub(super) async fn steps(
    (pool, _): (&SqlitePool, Layout),
    saga_ids: &[String],
    service: Option<&str>,
) -> Result<Vec<FlowStep>, StoreError> {
    let rows = sqlx::query(STEPS)
        .bind(dialect::list(saga_ids))
        .bind(i64::from(FlowQuery::EVENTS))
        .bind(service)
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
    decode_all(&rows)
}
