//! What a bounded number of sagas of a period say.

use saga_types::{SagaStatus, SagaType};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{error, rows::decode_all};
use crate::{FlowQuery, Span, StoreError, columns::Bound, flow::FlowStep, layout::Layout};

/// The number of a saga.
pub(super) const NUMBER: &str = "(hashtextextended(saga_id, 0) & 65535)";

/// Of the numbers below this there is an index.
const INDEXED_BELOW: i64 = 4_096;

/// The version of the service that the third parameter names, of a row of `saga_steps`, if it is a text.
macro_rules! version_of {
    () => {
        "CASE WHEN producer_service = $3 THEN \
         CASE jsonb_typeof(metadata -> 'serviceVersion') WHEN 'string' THEN metadata ->> 'serviceVersion' END END"
    };
}

/// One range of an index for each saga.
const STEPS: &str = concat!(
    r"
SELECT saga.saga_id, step.step, step.status, step.recorded_at, step.producer_service, step.service_version
FROM unnest($1::text[]) WITH ORDINALITY AS saga (saga_id, place)
CROSS JOIN LATERAL (
    SELECT step, status, recorded_at, event_id, producer_service, ",
    version_of!(),
    r" AS service_version
    FROM saga_steps WHERE saga_steps.saga_id = saga.saga_id
    ORDER BY recorded_at, event_id LIMIT $2
) AS step
ORDER BY saga.place, step.recorded_at, step.event_id"
);

/// The same where Citus joins no function laterally.
const STEPS_DISTRIBUTED: &str = concat!(
    r"
SELECT saga_id, step, status, recorded_at, producer_service, service_version FROM (
    SELECT saga_id, step, status, recorded_at, producer_service, ",
    version_of!(),
    r" AS service_version,
        row_number() OVER (PARTITION BY saga_id ORDER BY recorded_at, event_id) AS place
    FROM saga_steps WHERE saga_id = ANY($1)
) AS step WHERE place <= $2
ORDER BY array_position($1::text[], saga_id), place"
);

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

/// Those of a type and a period whose numbers are below the limit; an index has all that this looks at.
pub(super) fn push_sagas(
    sql: &mut QueryBuilder<Postgres>,
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
    .push_bind(Bound(range.end));
    if below <= INDEXED_BELOW {
        sql.push(format_args!(" AND {NUMBER} < {INDEXED_BELOW}"));
    } else {
        let statuses = SagaStatus::ALL.map(|status| status.as_str().to_owned());
        sql.push(" AND current_status = ANY(")
            .push_bind(statuses.to_vec())
            .push(")");
    }
    sql.push(format_args!(" AND {NUMBER} < ")).push_bind(below);
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

/// The first steps of each of the sagas, in the sagas' order; with its version where a service is given.
pub(super) async fn steps(
    (pool, layout): (&PgPool, Layout),
    saga_ids: &[String],
    service: Option<&str>,
) -> Result<Vec<FlowStep>, StoreError> {
    let statement = match layout {
        Layout::Single => STEPS,
        Layout::Distributed => STEPS_DISTRIBUTED,
    };
    let rows = sqlx::query(statement)
        .bind(saga_ids)
        .bind(i64::from(FlowQuery::EVENTS))
        .bind(service)
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
    decode_all(&rows)
}
