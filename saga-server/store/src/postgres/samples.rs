//! What a bounded number of sagas of a period say.

use std::ops::Range;

use sqlx::PgPool;

use super::{error, rows::decode};
use crate::{Corrupt, FailureCount, FlowQuery, Span, StoreError, columns::Bound, flow::FlowStep};

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

/// One range of an index for each part of the period, and one for each saga.
const STEPS: &str = r"
SELECT saga.saga_id, step.step, step.status, step.recorded_at
FROM (
    SELECT found.saga_id, found.started_at
    FROM unnest($1::timestamptz[], $2::timestamptz[]) AS part (starts, ends)
    CROSS JOIN LATERAL (
        SELECT saga_id, started_at FROM saga_instance
        WHERE saga_type = $3 AND started_at >= part.starts AND started_at < part.ends
        ORDER BY started_at DESC, saga_id DESC LIMIT $4
    ) AS found
    ORDER BY found.started_at DESC, found.saga_id DESC
) AS saga
CROSS JOIN LATERAL (
    SELECT step, status, recorded_at, event_id FROM saga_steps WHERE saga_steps.saga_id = saga.saga_id
    ORDER BY recorded_at, event_id LIMIT $5
) AS step
ORDER BY saga.started_at DESC, saga.saga_id DESC, step.recorded_at, step.event_id";

pub(super) async fn failures(pool: &PgPool, span: &Span, most: u32) -> Result<Vec<FailureCount>, StoreError> {
    let (starts, ends) = bounds(span.ranges());
    let rows: Vec<FailureRow> = sqlx::query_as(FAILURES)
        .bind(starts)
        .bind(ends)
        .bind(FailureCount::STATUSES.map(|status| status.as_str()))
        .bind(i32::from(FailureCount::CHARS))
        .bind(i64::from(most))
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
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

/// The steps of sagas from all of the period, the newest saga first.
pub(super) async fn steps(pool: &PgPool, query: &FlowQuery, total: u64) -> Result<Vec<FlowStep>, StoreError> {
    let (ranges, each) = query.stretches(total);
    let (starts, ends) = bounds(ranges.into_iter());
    let rows = sqlx::query(STEPS)
        .bind(starts)
        .bind(ends)
        .bind(query.saga_type.as_str())
        .bind(each)
        .bind(i64::from(FlowQuery::STEPS))
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
    rows.iter().map(decode).collect()
}

/// Where ranges begin and end, the ends exclusive.
fn bounds(ranges: impl Iterator<Item = Range<i64>>) -> (Vec<Bound>, Vec<Bound>) {
    ranges.map(|range| (Bound(range.start), Bound(range.end))).unzip()
}
