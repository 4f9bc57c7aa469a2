//! The rows of saga_instance: read under the write lock, and written back.

use saga_types::{SagaEvent, SagaType, Timestamp};
use serde::Serialize;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{error, read, rows::json};
use crate::{
    AppendError, Late, StoreError,
    fold_batch::{StoredFold, UpdatedSaga},
    rollup::RollupKey,
    rows::corrupt,
};

const KEPT: &str = r"
SELECT saga_id, order_id, version, fold, saga_type, current_status, started_at,
    CASE WHEN NOT ended_by_override THEN ended_at END
FROM json_each(?) AS touched JOIN saga_instance ON saga_id = touched.value";

const WRITE: &str = r"
INSERT INTO saga_instance AS kept (saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at,
    updated_at, ended_at, failed_step, failure_reason, outstanding, anomalies, awaited_step, awaited_service,
    awaited_deadline, event_count, version, fold, owed_since, ended_by_override)
SELECT value ->> 0 ->> 0, value ->> 0 ->> 1, value ->> 0 ->> 2, value ->> 0 ->> 3, value ->> 0 ->> 4, value ->> 0 ->> 5,
    value ->> 0 ->> 6, value ->> 0 ->> 7, value ->> 0 ->> 8, value ->> 0 ->> 9, value ->> 0 ->> 10,
    value ->> 1 ->> 0, value ->> 1 ->> 1, value ->> 1 ->> 2, value ->> 1 ->> 3, value ->> 1 ->> 4, value ->> 1 ->> 5,
    value ->> 1 ->> 6, value ->> 1 ->> 7, value ->> 1 ->> 8, value ->> 1 ->> 9
FROM json_each(?) WHERE true
ON CONFLICT (saga_id) DO UPDATE SET
    saga_type = excluded.saga_type, order_id = excluded.order_id, current_status = excluded.current_status,
    last_step = excluded.last_step, last_trace_id = excluded.last_trace_id, started_at = excluded.started_at,
    updated_at = excluded.updated_at, ended_at = excluded.ended_at, failed_step = excluded.failed_step,
    failure_reason = excluded.failure_reason, outstanding = excluded.outstanding, anomalies = excluded.anomalies,
    awaited_step = excluded.awaited_step, awaited_service = excluded.awaited_service,
    awaited_deadline = excluded.awaited_deadline, event_count = excluded.event_count, version = excluded.version,
    fold = excluded.fold, owed_since = excluded.owed_since,
    ended_by_override = excluded.ended_by_override
WHERE kept.version = excluded.version - 1";

const OTHER_ORDERS: &str = r"
INSERT INTO saga_other_order (order_id, saga_id) SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true
ON CONFLICT DO NOTHING";

/// What is kept of the sagas of these events, which are ordered by saga.
pub(super) async fn kept(
    connection: &mut SqliteConnection,
    new: &[&SagaEvent],
) -> Result<Vec<StoredFold>, AppendError> {
    let mut saga_ids: Vec<&str> = new.iter().map(|event| event.saga_id.as_str()).collect();
    saga_ids.dedup();
    let rows = sqlx::query(KEPT)
        .bind(json(&saga_ids).map_err(error::append)?)
        .fetch_all(connection)
        .await
        .map_err(error::append)?;
    Ok(rows.iter().map(kept_saga).collect::<Result<_, _>>()?)
}

fn kept_saga(row: &SqliteRow) -> Result<StoredFold, StoreError> {
    let started_at = read::timestamp(row, 6)?;
    let columns = || {
        Ok((
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?),
            (
                row.try_get::<String, _>(4)?,
                row.try_get::<&str, _>(5)?,
                row.try_get::<Option<i64>, _>(7)?,
            ),
        ))
    };
    let ((saga_id, order_id, version, fold), (saga_type, status, ended_at)) =
        columns().map_err(error::store)?;
    Ok(StoredFold {
        saga_id,
        order_id,
        version,
        fold: StoredFold::parse_fold(fold),
        counted: RollupKey {
            started_at,
            saga_type: SagaType::try_from(saga_type).map_err(corrupt)?,
            status: status.parse().map_err(corrupt)?,
            ended_at: ended_at
                .map(Timestamp::from_millis)
                .transpose()
                .map_err(corrupt)?,
        },
    })
}

/// Writes sagas.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    updated: &[UpdatedSaga],
) -> Result<(), AppendError> {
    let rows: Vec<_> = updated.iter().map(instance_row).collect();
    let result = sqlx::query(WRITE)
        .bind(json(&rows).map_err(error::append)?)
        .execute(&mut *connection)
        .await
        .map_err(error::append)?;
    if result.rows_affected() != updated.len() as u64 {
        return Err(AppendError::Unavailable("another writer changed a saga".into()));
    }
    write_other_orders(connection, updated).await
}

/// In two parts, since a tuple has only so many fields.
fn instance_row(saga: &UpdatedSaga) -> impl Serialize + '_ {
    let state = &saga.state;
    let awaited = state.most_urgent();
    (
        (
            state.saga_id.as_str(),
            state.saga_type.as_str(),
            state.order_id.as_str(),
            state.current_status.as_str(),
            state.last_step.as_str(),
            state.last_trace_id.as_deref(),
            state.started_at.as_millis(),
            state.updated_at.as_millis(),
            state.ended_at.map(Timestamp::as_millis),
            state.failed_step.as_ref().map(|step| step.as_str()),
            state.failure_reason.as_deref(),
        ),
        (
            &state.outstanding_compensations,
            &state.anomalies,
            awaited.map(|awaited| awaited.step.as_str()),
            awaited.and_then(|awaited| awaited.service.as_deref()),
            Late::Stuck.due(state).map(Timestamp::as_millis),
            state.step_count,
            saga.version,
            saga.fold.as_str(),
            saga.owed_since().map(Timestamp::as_millis),
            saga.ended_by_override(),
        ),
    )
}

async fn write_other_orders(
    connection: &mut SqliteConnection,
    updated: &[UpdatedSaga],
) -> Result<(), AppendError> {
    let others: Vec<(&str, &str)> = updated
        .iter()
        .flat_map(|saga| {
            saga.other_orders
                .iter()
                .map(|order| (order.as_str(), saga.state.saga_id.as_str()))
        })
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    sqlx::query(OTHER_ORDERS)
        .bind(json(&others).map_err(error::append)?)
        .execute(connection)
        .await
        .map_err(error::append)?;
    Ok(())
}
