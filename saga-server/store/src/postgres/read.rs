//! One saga and its steps.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use saga_types::{
    Timestamp,
    definition::Definitions,
    fold::{FoldEvent, SagaFold, SagaState},
};
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};

use super::{MIGRATOR, error};
use crate::{
    Position, StepPage, StoreError, StoredStep,
    fold_batch::StoredFold,
    rows::{FoldColumns, StepColumns, corrupt},
};

/// Of what stands in the metadata only a text counts, as in the events themselves.
const HISTORY: &str = r"
SELECT saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id,
    CASE WHEN jsonb_typeof(metadata -> 'failureReason') = 'string' THEN metadata ->> 'failureReason'
         WHEN step = 'MANUAL_STATUS_OVERRIDE' AND jsonb_typeof(metadata -> 'reason') = 'string' THEN metadata ->> 'reason'
    END, recorded_at,
    CASE WHEN jsonb_typeof(metadata -> 'parentSagaId') = 'string' THEN metadata ->> 'parentSagaId' END
FROM saga_steps WHERE saga_id = ANY($1) AND recorded_at <= $2";

const STEPS: &str = r"
SELECT id, event_id, step, status, producer_service, trace_id, metadata::text, recorded_at, saga_type, order_id, created_at
FROM saga_steps WHERE saga_id = $1 ORDER BY recorded_at, event_id LIMIT $2";

const STEPS_AFTER: &str = r"
SELECT id, event_id, step, status, producer_service, trace_id, metadata::text, recorded_at, saga_type, order_id, created_at
FROM saga_steps WHERE saga_id = $1 AND (recorded_at, event_id) > ($3, $4) ORDER BY recorded_at, event_id LIMIT $2";

pub(super) fn timestamp(row: &PgRow, column: usize) -> Result<Timestamp, StoreError> {
    let moment: DateTime<Utc> = row.try_get(column).map_err(error::store)?;
    Timestamp::try_from(moment).map_err(corrupt)
}

pub(super) fn optional_timestamp(row: &PgRow, column: usize) -> Result<Option<Timestamp>, StoreError> {
    let moment: Option<DateTime<Utc>> = row.try_get(column).map_err(error::store)?;
    moment.map(Timestamp::try_from).transpose().map_err(corrupt)
}

pub(super) async fn check(pool: &PgPool) -> Result<(), StoreError> {
    let newest = MIGRATOR.iter().map(|migration| migration.version).max();
    let (is_read_only, is_migrated): (bool, bool) = sqlx::query_as(
        r"SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean,
            EXISTS (SELECT FROM _sqlx_migrations WHERE version = $1 AND success)",
    )
    .bind(newest)
    .fetch_one(pool)
    .await
    .map_err(error::store)?;
    if is_read_only {
        return Err(StoreError::Unavailable("it is read-only".into()));
    }
    if !is_migrated {
        return Err(StoreError::Unavailable(
            "its tables are older than this version needs".into(),
        ));
    }
    Ok(())
}

/// PostgreSQL takes no U+0000, and no id has one.
pub(super) fn cannot_be(saga_id: &str) -> bool {
    saga_id.contains('\0')
}

pub(super) async fn saga(
    pool: &PgPool,
    definitions: &Definitions,
    saga_id: &str,
) -> Result<Option<SagaState>, StoreError> {
    if cannot_be(saga_id) {
        return Ok(None);
    }
    let fold: Option<String> = sqlx::query_scalar("SELECT fold FROM saga_instance WHERE saga_id = $1")
        .bind(saga_id)
        .fetch_optional(pool)
        .await
        .map_err(error::store)?;
    let Some(fold) = fold else { return Ok(None) };
    let states = states(pool, definitions, vec![(saga_id.to_owned(), fold)]).await?;
    Ok(states.into_iter().next())
}

/// The states of kept folds, in their order. Where the definition changed since, the steps are folded anew.
pub(super) async fn states(
    pool: &PgPool,
    definitions: &Definitions,
    folds: Vec<(String, String)>,
) -> Result<Vec<SagaState>, StoreError> {
    let kept: Vec<(String, Option<SagaState>)> = folds
        .into_iter()
        .map(|(saga_id, fold)| {
            (
                saga_id,
                StoredFold::parse_fold(&fold).and_then(|fold| fold.try_state(definitions)),
            )
        })
        .collect();
    let outdated = kept.iter().filter(|(_, state)| state.is_none());
    let outdated: Vec<String> = outdated.map(|(saga_id, _)| saga_id.clone()).collect();
    let mut refolded = HashMap::new();
    if !outdated.is_empty() {
        let mut connection = pool.acquire().await.map_err(error::store)?;
        for (saga_id, steps) in histories(&mut connection, &outdated).await? {
            if let Some(state) = state_of(steps, definitions) {
                refolded.insert(saga_id, state);
            }
        }
    }
    Ok(kept
        .into_iter()
        .filter_map(|(saga_id, state)| state.or_else(|| refolded.remove(&saga_id)))
        .collect())
}

fn state_of(steps: Vec<FoldEvent>, definitions: &Definitions) -> Option<SagaState> {
    SagaFold::of(steps, definitions)?.try_state(definitions)
}

pub(super) async fn saga_as_of(
    pool: &PgPool,
    definitions: &Definitions,
    saga_id: &str,
    moment: Timestamp,
) -> Result<Option<SagaState>, StoreError> {
    if cannot_be(saga_id) {
        return Ok(None);
    }
    let mut connection = pool.acquire().await.map_err(error::store)?;
    let saga_ids = [saga_id.to_owned()];
    let mut histories = histories_until(&mut connection, &saga_ids, moment).await?;
    Ok(histories
        .remove(saga_id)
        .and_then(|steps| state_of(steps, definitions)))
}

/// All steps of some sagas, in any order.
pub(super) async fn histories(
    connection: &mut PgConnection,
    saga_ids: &[String],
) -> Result<HashMap<String, Vec<FoldEvent>>, StoreError> {
    histories_until(connection, saga_ids, Timestamp::MAX).await
}

async fn histories_until(
    connection: &mut PgConnection,
    saga_ids: &[String],
    moment: Timestamp,
) -> Result<HashMap<String, Vec<FoldEvent>>, StoreError> {
    let rows = sqlx::query(HISTORY)
        .bind(saga_ids)
        .bind(moment.to_datetime())
        .fetch_all(connection)
        .await
        .map_err(error::store)?;
    let mut histories: HashMap<String, Vec<FoldEvent>> = HashMap::new();
    for row in &rows {
        let columns = fold_columns(row)?;
        histories
            .entry(columns.saga_id.clone())
            .or_default()
            .push(columns.try_into()?);
    }
    Ok(histories)
}

fn fold_columns(row: &PgRow) -> Result<FoldColumns, StoreError> {
    let recorded_at = timestamp(row, 9)?;
    let columns = || {
        Ok(FoldColumns {
            saga_id: row.try_get(0)?,
            event_id: row.try_get(1)?,
            saga_type: row.try_get(2)?,
            order_id: row.try_get(3)?,
            step: row.try_get(4)?,
            status: row.try_get(5)?,
            producer_service: row.try_get(6)?,
            trace_id: row.try_get(7)?,
            failure_reason: row.try_get(8)?,
            parent_saga_id: row.try_get(10)?,
            recorded_at,
        })
    };
    columns().map_err(error::store)
}

pub(super) async fn steps(
    pool: &PgPool,
    saga_id: &str,
    after: Option<&Position>,
    limit: u32,
) -> Result<Option<StepPage>, StoreError> {
    if cannot_be(saga_id) {
        return Ok(None);
    }
    let query = match after {
        None => sqlx::query(STEPS).bind(saga_id).bind(i64::from(limit) + 1),
        Some(after) => sqlx::query(STEPS_AFTER)
            .bind(saga_id)
            .bind(i64::from(limit) + 1)
            .bind(after.recorded_at.to_datetime())
            .bind(after.event_id.as_str()),
    };
    let mut rows = query.fetch_all(pool).await.map_err(error::store)?;
    if rows.is_empty() && !exists(pool, saga_id).await? {
        return Ok(None);
    }
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let steps = rows.iter().map(stored_step).collect::<Result<_, _>>()?;
    Ok(Some(StepPage { steps, has_more }))
}

async fn exists(pool: &PgPool, saga_id: &str) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM saga_instance WHERE saga_id = $1)")
        .bind(saga_id)
        .fetch_one(pool)
        .await
        .map_err(error::store)
}

fn stored_step(row: &PgRow) -> Result<StoredStep, StoreError> {
    let recorded_at = timestamp(row, 7)?;
    let stored_at = timestamp(row, 10)?;
    let columns = || {
        Ok(StepColumns {
            id: row.try_get(0)?,
            event_id: row.try_get(1)?,
            step: row.try_get(2)?,
            status: row.try_get(3)?,
            producer_service: row.try_get(4)?,
            trace_id: row.try_get(5)?,
            metadata: row.try_get(6)?,
            saga_type: row.try_get(8)?,
            order_id: row.try_get(9)?,
            recorded_at,
            stored_at,
        })
    };
    columns().map_err(error::store)?.try_into()
}
