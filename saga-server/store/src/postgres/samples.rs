//! What a bounded number of sagas of a period say.

use std::ops::Range;

use saga_types::SagaStatus;
use sqlx::PgPool;

use super::{error, rows::decode_all};
use crate::{Corrupt, FailureCount, FlowQuery, Scope, Span, StoreError, columns::Bound, flow::FlowStep};

/// One range of an index for each slot and status.
const FAILURES: &str = r"
SELECT slot.place - 1 AS slot, wanted.status, failed_step, left(failure_reason, $4) AS reason, count(*) AS sagas
FROM unnest($1::timestamptz[], $2::timestamptz[]) WITH ORDINALITY AS slot (starts, ends, place)
CROSS JOIN unnest($3::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT failed_step, failure_reason FROM saga_instance
    WHERE current_status = wanted.status AND started_at >= slot.starts AND started_at < slot.ends
    ORDER BY started_at DESC, saga_id DESC LIMIT $5
) AS saga
GROUP BY 1, 2, 3, 4";

/// The same of some types, one range of an index for each slot, status and type.
const FAILURES_OF_TYPES: &str = r"
SELECT slot.place - 1 AS slot, wanted.status, failed_step, left(failure_reason, $4) AS reason, count(*) AS sagas
FROM unnest($1::timestamptz[], $2::timestamptz[]) WITH ORDINALITY AS slot (starts, ends, place)
CROSS JOIN unnest($3::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT newest.failed_step, newest.failure_reason FROM unnest($6::text[]) AS allowed (saga_type)
    CROSS JOIN LATERAL (
        SELECT failed_step, failure_reason, started_at, saga_id FROM saga_instance
        WHERE saga_instance.saga_type = allowed.saga_type AND current_status = wanted.status
            AND started_at >= slot.starts AND started_at < slot.ends
        ORDER BY started_at DESC, saga_id DESC LIMIT $5
    ) AS newest
    ORDER BY newest.started_at DESC, newest.saga_id DESC LIMIT $5
) AS saga
GROUP BY 1, 2, 3, 4";

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
SELECT saga.saga_id, step.step, step.status, step.recorded_at
FROM unnest($1::text[]) WITH ORDINALITY AS saga (saga_id, place)
CROSS JOIN LATERAL (
    SELECT step, status, recorded_at, event_id FROM saga_steps WHERE saga_steps.saga_id = saga.saga_id
    ORDER BY recorded_at, event_id LIMIT $2
) AS step
ORDER BY saga.place, step.recorded_at, step.event_id";

pub(super) async fn failures(
    pool: &PgPool,
    span: &Span,
    most: u32,
    scope: &Scope,
) -> Result<Vec<FailureCount>, StoreError> {
    let (starts, ends) = bounds(span.ranges());
    let types = scope.names();
    let sql = if types.is_some() {
        FAILURES_OF_TYPES
    } else {
        FAILURES
    };
    let mut asked = sqlx::query_as(sql)
        .bind(starts)
        .bind(ends)
        .bind(FailureCount::STATUSES.map(|status| status.as_str()))
        .bind(i32::from(FailureCount::CHARS))
        .bind(i64::from(most));
    if let Some(types) = types {
        asked = asked.bind(types);
    }
    let rows: Vec<FailureRow> = asked.fetch_all(pool).await.map_err(error::store)?;
    rows.into_iter().map(FailureCount::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct FailureRow {
    slot: i64,
    status: String,
    failed_step: Option<String>,
    reason: Option<String>,
    sagas: i64,
}

impl TryFrom<FailureRow> for FailureCount {
    type Error = StoreError;

    fn try_from(row: FailureRow) -> Result<Self, StoreError> {
        let place = format!("slot {} {}", row.slot, row.status);
        let slot = usize::try_from(row.slot);
        let status = row.status.parse();
        Ok(Self {
            slot: slot.map_err(|error| Corrupt::new("saga_instance", "started_at", &place, error))?,
            status: status.map_err(|error| Corrupt::new("saga_instance", "current_status", &place, error))?,
            step: row.failed_step,
            reason: row.reason,
            sagas: row.sagas.cast_unsigned(),
        })
    }
}

/// The sagas of the type and the period whose numbers are below the limit, the newest first.
pub(super) async fn sagas(pool: &PgPool, query: &FlowQuery, below: i64) -> Result<Vec<String>, StoreError> {
    let range = query.span.range();
    let sql = if below <= INDEXED_BELOW { FEW_SAGAS } else { SAGAS };
    let asked = sqlx::query_scalar(sql)
        .bind(query.saga_type.as_str())
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

/// The first steps of each of the sagas, in the sagas' order.
pub(super) async fn steps(pool: &PgPool, saga_ids: &[String]) -> Result<Vec<FlowStep>, StoreError> {
    let rows = sqlx::query(STEPS)
        .bind(saga_ids)
        .bind(i64::from(FlowQuery::STEPS))
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
    decode_all(&rows)
}

/// Where ranges begin and end, the ends exclusive.
fn bounds(ranges: impl Iterator<Item = Range<i64>>) -> (Vec<Bound>, Vec<Bound>) {
    ranges.map(|range| (Bound(range.start), Bound(range.end))).unzip()
}
