//! The rows of saga_instance: locked, and written back.

use saga_types::{SagaEvent, SagaType, Timestamp, fold::SagaState};
use sqlx::{PgConnection, Row};

use super::{append::Failure, read};
use crate::store::{
    Late,
    advance::{Advanced, Kept},
    rollup::Counted,
    rows::corrupt,
};

const LOCK: &str = r"
SELECT saga_id, order_id, version, fold, saga_type, current_status, started_at, ended_at FROM saga_instance
WHERE saga_id = ANY($1) ORDER BY saga_id FOR UPDATE";

const WRITE: &str = r"
INSERT INTO saga_instance AS kept (saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at,
    updated_at, ended_at, failed_step, failure_reason, outstanding, anomalies, awaited_step, awaited_service,
    awaited_deadline, event_count, version, fold, owed_since)
SELECT saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at,
    updated_at, ended_at, failed_step, failure_reason, string_to_array(outstanding, $21),
    string_to_array(anomalies, $21), awaited_step, awaited_service, awaited_deadline, event_count, version, fold, owed_since
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
    $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
    $16::timestamptz[], $17::bigint[], $18::bigint[], $19::text[],
    $20::timestamptz[])
    AS new (saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at, updated_at, ended_at,
        failed_step, failure_reason, outstanding, anomalies, awaited_step, awaited_service, awaited_deadline,
        event_count, version, fold, owed_since)
ON CONFLICT (saga_id) DO UPDATE SET
    saga_type = excluded.saga_type, order_id = excluded.order_id, current_status = excluded.current_status,
    last_step = excluded.last_step, last_trace_id = excluded.last_trace_id, started_at = excluded.started_at,
    updated_at = excluded.updated_at, ended_at = excluded.ended_at, failed_step = excluded.failed_step,
    failure_reason = excluded.failure_reason, outstanding = excluded.outstanding, anomalies = excluded.anomalies,
    awaited_step = excluded.awaited_step, awaited_service = excluded.awaited_service,
    awaited_deadline = excluded.awaited_deadline, event_count = excluded.event_count, version = excluded.version,
    fold = excluded.fold, owed_since = excluded.owed_since
WHERE kept.version = excluded.version - 1";

const OTHER_ORDERS: &str = r"
INSERT INTO saga_other_order (order_id, saga_id) SELECT * FROM UNNEST($1::text[], $2::text[]) ON CONFLICT DO NOTHING";

/// Between the entries of a list: a control character, which no name may hold.
const SEPARATOR: &str = "\u{1f}";

/// Locks the sagas of these events, which are ordered by saga, as far as they are there.
pub(super) async fn lock(connection: &mut PgConnection, new: &[&SagaEvent]) -> Result<Vec<Kept>, Failure> {
    let mut saga_ids: Vec<&str> = new.iter().map(|event| event.saga_id.as_str()).collect();
    saga_ids.dedup();
    let rows = sqlx::query(LOCK).bind(saga_ids).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Kept {
                saga_id: row.try_get(0)?,
                order_id: row.try_get(1)?,
                version: row.try_get(2)?,
                fold: Kept::parse_fold(row.try_get(3)?),
                counted: Counted {
                    saga_type: SagaType::try_from(row.try_get::<String, _>(4)?).map_err(corrupt)?,
                    status: row.try_get::<&str, _>(5)?.parse().map_err(corrupt)?,
                    started_at: read::timestamp(row, 6)?,
                    ended_at: read::optional_timestamp(row, 7)?,
                },
            })
        })
        .collect()
}

/// Writes sagas, ordered by id.
pub(super) async fn write(connection: &mut PgConnection, advanced: &[Advanced]) -> Result<(), Failure> {
    let written = write_instances(connection, advanced).await?;
    if written != advanced.len() as u64 {
        return Err(Failure::Met("another writer made the same saga".to_owned()));
    }
    write_other_orders(connection, advanced).await?;
    Ok(())
}

async fn write_instances(connection: &mut PgConnection, advanced: &[Advanced]) -> Result<u64, sqlx::Error> {
    let states = || advanced.iter().map(|saga| &saga.state);
    let awaited = || states().map(|state| state.awaiting.first());
    let result = sqlx::query(WRITE)
        .bind(states().map(|state| state.saga_id.as_str()).collect::<Vec<_>>())
        .bind(states().map(|state| state.saga_type.as_str()).collect::<Vec<_>>())
        .bind(states().map(|state| state.order_id.as_str()).collect::<Vec<_>>())
        .bind(
            states()
                .map(|state| state.current_status.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(states().map(|state| state.last_step.as_str()).collect::<Vec<_>>())
        .bind(
            states()
                .map(|state| state.last_trace_id.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(
            states()
                .map(|state| state.started_at.to_datetime())
                .collect::<Vec<_>>(),
        )
        .bind(
            states()
                .map(|state| state.updated_at.to_datetime())
                .collect::<Vec<_>>(),
        )
        .bind(
            states()
                .map(|state| state.ended_at.map(Timestamp::to_datetime))
                .collect::<Vec<_>>(),
        )
        .bind(
            states()
                .map(|state| Some(state.failed_step.as_ref()?.as_str()))
                .collect::<Vec<_>>(),
        )
        .bind(
            states()
                .map(|state| state.failure_reason.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(states().map(outstanding).collect::<Vec<_>>())
        .bind(states().map(anomalies).collect::<Vec<_>>())
        .bind(
            awaited()
                .map(|awaited| Some(awaited?.step.as_str()))
                .collect::<Vec<_>>(),
        )
        .bind(
            awaited()
                .map(|awaited| awaited?.service.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(
            states()
                .map(|state| Late::Stuck.due(state).map(Timestamp::to_datetime))
                .collect::<Vec<_>>(),
        )
        .bind(
            states()
                .map(|state| state.step_count.cast_signed())
                .collect::<Vec<_>>(),
        )
        .bind(advanced.iter().map(|saga| saga.version).collect::<Vec<_>>())
        .bind(advanced.iter().map(|saga| saga.fold.as_str()).collect::<Vec<_>>())
        .bind(
            advanced
                .iter()
                .map(|saga| saga.owed_since().map(Timestamp::to_datetime))
                .collect::<Vec<_>>(),
        )
        .bind(SEPARATOR)
        .execute(connection)
        .await?;
    Ok(result.rows_affected())
}

fn outstanding(state: &SagaState) -> String {
    let steps: Vec<&str> = state
        .outstanding_compensations
        .iter()
        .map(|step| step.as_str())
        .collect();
    steps.join(SEPARATOR)
}

fn anomalies(state: &SagaState) -> String {
    let names: Vec<&str> = state.anomalies.iter().map(|anomaly| anomaly.as_str()).collect();
    names.join(SEPARATOR)
}

async fn write_other_orders(connection: &mut PgConnection, advanced: &[Advanced]) -> Result<(), sqlx::Error> {
    let mut others: Vec<(&str, &str)> = advanced
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
    others.sort_unstable();
    let (orders, sagas): (Vec<&str>, Vec<&str>) = others.into_iter().unzip();
    sqlx::query(OTHER_ORDERS)
        .bind(orders)
        .bind(sagas)
        .execute(connection)
        .await?;
    Ok(())
}
