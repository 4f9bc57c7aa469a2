//! The rows of saga_instance: locked, and written back.

use saga_types::{SagaEvent, SagaType, Timestamp, fold::SagaState};
use sqlx::{PgConnection, Row};

use super::{
    abort::AppendAbort,
    copy::{self, Rows},
    error, read,
};
use crate::{
    Late,
    fold_batch::{StoredFold, UpdatedSaga},
    rollup::RollupKey,
    rows::corrupt,
};

const LOCK: &str = r"
SELECT saga_id, order_id, version, fold, saga_type, current_status, started_at,
    CASE WHEN NOT ended_by_override THEN ended_at END
FROM saga_instance
WHERE saga_id = ANY($1) ORDER BY saga_id FOR UPDATE";

/// Sagas as arrays, one for each column; lists are joined, since an array of arrays would need them all of one length.
macro_rules! arrays {
    () => {
        "UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], \
         $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], \
         $15::text[], $16::timestamptz[], $17::bigint[], $18::bigint[], $19::text[], $20::timestamptz[], $21::boolean[]) \
         AS new (saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at, updated_at, ended_at, \
         failed_step, failure_reason, outstanding, anomalies, awaited_step, awaited_service, awaited_deadline, \
         event_count, version, fold, owed_since, ended_by_override)"
    };
}

const UPDATE: &str = concat!(
    "UPDATE saga_instance AS kept SET \
     saga_type = new.saga_type, order_id = new.order_id, current_status = new.current_status, \
     last_step = new.last_step, last_trace_id = new.last_trace_id, started_at = new.started_at, \
     updated_at = new.updated_at, ended_at = new.ended_at, failed_step = new.failed_step, \
     failure_reason = new.failure_reason, outstanding = string_to_array(new.outstanding, $22), \
     anomalies = string_to_array(new.anomalies, $22), awaited_step = new.awaited_step, \
     awaited_service = new.awaited_service, awaited_deadline = new.awaited_deadline, event_count = new.event_count, \
     version = new.version, fold = new.fold, owed_since = new.owed_since, ended_by_override = new.ended_by_override FROM ",
    arrays!(),
    " WHERE kept.saga_id = new.saga_id AND kept.version = new.version - 1"
);

const INSERT: &str = concat!(
    "INSERT INTO saga_instance (saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at, \
     updated_at, ended_at, failed_step, failure_reason, outstanding, anomalies, awaited_step, awaited_service, \
     awaited_deadline, event_count, version, fold, owed_since, ended_by_override) \
     SELECT saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at, updated_at, ended_at, \
     failed_step, failure_reason, string_to_array(outstanding, $22), string_to_array(anomalies, $22), awaited_step, \
     awaited_service, awaited_deadline, event_count, version, fold, owed_since, ended_by_override FROM ",
    arrays!()
);

const COPY: &str = r"
COPY saga_instance (saga_id, saga_type, order_id, current_status, last_step, last_trace_id, started_at, updated_at,
    ended_at, failed_step, failure_reason, outstanding, anomalies, awaited_step, awaited_service, awaited_deadline,
    event_count, version, fold, owed_since, ended_by_override) FROM STDIN (FORMAT binary)";
const COLUMNS: i16 = 21;

/// How long a row is, about.
const ROW_BYTES: usize = 1_000;

const OTHER_ORDERS: &str = r"
INSERT INTO saga_other_order (order_id, saga_id) SELECT * FROM UNNEST($1::text[], $2::text[]) ON CONFLICT DO NOTHING";

/// Between the entries of a list: a control character, which no name may hold.
const SEPARATOR: &str = "\u{1f}";

/// Locks the sagas of these events, which are ordered by saga, as far as they are there.
pub(super) async fn lock(
    connection: &mut PgConnection,
    new: &[&SagaEvent],
) -> Result<Vec<StoredFold>, AppendAbort> {
    let mut saga_ids: Vec<&str> = new.iter().map(|event| event.saga_id.as_str()).collect();
    saga_ids.dedup();
    let rows = sqlx::query(LOCK).bind(saga_ids).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(StoredFold {
                saga_id: row.try_get(0)?,
                order_id: row.try_get(1)?,
                version: row.try_get(2)?,
                fold: StoredFold::parse_fold(row.try_get(3)?),
                counted: RollupKey {
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
pub(super) async fn write(connection: &mut PgConnection, updated: &[UpdatedSaga]) -> Result<(), AppendAbort> {
    let (new, known): (Vec<&UpdatedSaga>, Vec<&UpdatedSaga>) =
        updated.iter().partition(|saga| saga.version == 1);
    let conflict = || AppendAbort::Conflict("another writer made the same saga".to_owned());
    make(connection, &new).await.map_err(|failure| match failure {
        failure if error::is_known_key(&failure) => conflict(),
        failure => failure.into(),
    })?;
    if write_arrays(connection, UPDATE, &known).await? != known.len() as u64 {
        return Err(conflict());
    }
    write_other_orders(connection, updated).await?;
    Ok(())
}

async fn make(connection: &mut PgConnection, new: &[&UpdatedSaga]) -> Result<u64, sqlx::Error> {
    if copy::is_worth_it(new.len()) {
        copy(connection, new).await
    } else {
        write_arrays(connection, INSERT, new).await
    }
}

async fn copy(connection: &mut PgConnection, new: &[&UpdatedSaga]) -> Result<u64, sqlx::Error> {
    let mut rows = Rows::with_capacity(new.len() * ROW_BYTES);
    for saga in new {
        let state = &saga.state;
        let awaited = state.most_urgent();
        rows.row(COLUMNS);
        rows.text(state.saga_id.as_str());
        rows.text(state.saga_type.as_str());
        rows.text(state.order_id.as_str());
        rows.text(state.current_status.as_str());
        rows.text(state.last_step.as_str());
        rows.optional_text(state.last_trace_id.as_deref());
        rows.timestamp(state.started_at);
        rows.timestamp(state.updated_at);
        rows.optional_timestamp(state.ended_at);
        rows.optional_text(state.failed_step.as_ref().map(|step| step.as_str()));
        rows.optional_text(state.failure_reason.as_deref());
        rows.texts(state.outstanding_compensations.iter().map(|step| step.as_str()));
        rows.texts(state.anomalies.iter().map(|anomaly| anomaly.as_str()));
        rows.optional_text(awaited.map(|awaited| awaited.step.as_str()));
        rows.optional_text(awaited.and_then(|awaited| awaited.service.as_deref()));
        rows.optional_timestamp(Late::Stuck.due(state));
        rows.bigint(state.step_count.cast_signed());
        rows.bigint(saga.version);
        rows.text(&saga.fold);
        rows.optional_timestamp(saga.owed_since());
        rows.boolean(saga.ended_by_override());
    }
    rows.copy(connection, COPY).await
}

/// Runs a statement on sagas as arrays; how many rows it wrote.
async fn write_arrays(
    connection: &mut PgConnection,
    statement: &'static str,
    sagas: &[&UpdatedSaga],
) -> Result<u64, sqlx::Error> {
    if sagas.is_empty() {
        return Ok(0);
    }
    let states = || sagas.iter().map(|saga| &saga.state);
    let awaited = || states().map(|state| state.most_urgent());
    let result = sqlx::query(statement)
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
        .bind(sagas.iter().map(|saga| saga.version).collect::<Vec<_>>())
        .bind(sagas.iter().map(|saga| saga.fold.as_str()).collect::<Vec<_>>())
        .bind(
            sagas
                .iter()
                .map(|saga| saga.owed_since().map(Timestamp::to_datetime))
                .collect::<Vec<_>>(),
        )
        .bind(
            sagas
                .iter()
                .map(|saga| saga.ended_by_override())
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

async fn write_other_orders(
    connection: &mut PgConnection,
    updated: &[UpdatedSaga],
) -> Result<(), sqlx::Error> {
    let mut others: Vec<(&str, &str)> = updated
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
