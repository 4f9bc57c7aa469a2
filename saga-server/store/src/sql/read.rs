//! One saga and its steps.

use std::{collections::HashMap, sync::LazyLock};

use saga_types::{
    Timestamp,
    definition::Definitions,
    fold::{FoldEvent, SagaFold, SagaState},
};

use super::{
    Connection, Pool,
    dialect::{self, any},
    error,
    rows::{decode, decode_all, decode_step},
};
use crate::{
    Position, StepPage, StoreError, StoredSaga,
    columns::Moment,
    fold_text::read_fold,
    rows::{HistoryRow, StateRow, StepRow},
    table::Table,
};

static HISTORY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {}, {} FROM saga_steps WHERE saga_id {} AND recorded_at <= $2",
        HistoryRow::columns(),
        dialect::OF_METADATA,
        any!("1")
    )
});

static STATES: LazyLock<String> = LazyLock::new(|| {
    let (columns, chosen) = (StateRow::COLUMNS, any!("1"));
    format!("SELECT {columns} FROM saga_instance AS saga WHERE saga_id {chosen} ORDER BY saga_id")
});

const FOLDS: &str = concat!("SELECT fold FROM saga_instance WHERE saga_id ", any!("1"));

static STEPS: LazyLock<String> = LazyLock::new(|| steps_after(""));

static STEPS_AFTER: LazyLock<String> =
    LazyLock::new(|| steps_after("AND (recorded_at, event_id) > ($3, $4)"));

fn steps_after(place: &str) -> String {
    let columns = StepRow::columns();
    format!(
        "SELECT id, created_at, erased_at, {columns} FROM saga_steps WHERE saga_id = $1 {place} \
         ORDER BY recorded_at, event_id LIMIT $2"
    )
}

pub(super) async fn saga(
    pool: &Pool,
    definitions: &Definitions,
    saga_id: &str,
) -> Result<Option<StoredSaga>, StoreError> {
    if cannot_be(saga_id) {
        return Ok(None);
    }
    Ok(sagas(pool, definitions, &[saga_id]).await?.pop())
}

/// PostgreSQL takes no U+0000, and no id has one.
pub(super) fn cannot_be(saga_id: &str) -> bool {
    saga_id.contains('\0')
}

/// The sagas of stored folds, in their order. Where the definition changed since, the steps are folded anew.
pub(super) async fn stored(
    pool: &Pool,
    definitions: &Definitions,
    rows: Vec<StateRow>,
) -> Result<Vec<StoredSaga>, StoreError> {
    let saga = |fold: &str| StoredSaga::of(&read_fold(fold)?, definitions);
    let read: Vec<(StateRow, Option<StoredSaga>)> = rows
        .into_iter()
        .map(|row| {
            let saga = saga(&row.fold);
            (row, saga)
        })
        .collect();
    let outdated = read.iter().filter(|(_, saga)| saga.is_none());
    let outdated: Vec<String> = outdated.map(|(row, _)| row.saga_id.clone()).collect();
    let mut refolded = HashMap::new();
    if !outdated.is_empty() {
        let mut connection = pool.acquire().await.map_err(error::store)?;
        for (saga_id, steps) in histories(&mut connection, &outdated).await? {
            let fold = SagaFold::of(steps, definitions);
            if let Some(saga) = fold.and_then(|fold| StoredSaga::of(&fold, definitions)) {
                refolded.insert(saga_id, saga);
            }
        }
    }
    Ok(read
        .into_iter()
        .filter_map(|(row, saga)| {
            let mut saga = saga.or_else(|| refolded.remove(&row.saga_id))?;
            saga.unusual_since = row.unusual_since.map(|since| since.0);
            Some(saga)
        })
        .collect())
}

/// The sagas of these ids, ordered by id.
pub(super) async fn sagas(
    pool: &Pool,
    definitions: &Definitions,
    saga_ids: &[&str],
) -> Result<Vec<StoredSaga>, StoreError> {
    let rows = sqlx::query(STATES.as_str())
        .bind(dialect::list(saga_ids))
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
    stored(pool, definitions, decode_all(&rows)?).await
}

/// The folds of sagas, in any order.
pub(super) async fn folds(pool: &Pool, saga_ids: &[String]) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar(FOLDS)
        .bind(dialect::list(saga_ids))
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

pub(super) async fn saga_as_of(
    pool: &Pool,
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
    let steps = histories.remove(saga_id);
    let fold = steps.and_then(|steps| SagaFold::of(steps, definitions));
    Ok(fold.and_then(|fold| fold.try_state(definitions)))
}

/// All steps of some sagas, in any order.
pub(super) async fn histories(
    connection: &mut Connection,
    saga_ids: &[String],
) -> Result<HashMap<String, Vec<FoldEvent>>, StoreError> {
    histories_until(connection, saga_ids, Timestamp::MAX).await
}

async fn histories_until(
    connection: &mut Connection,
    saga_ids: &[String],
    moment: Timestamp,
) -> Result<HashMap<String, Vec<FoldEvent>>, StoreError> {
    let rows = sqlx::query(HISTORY.as_str())
        .bind(dialect::list(saga_ids))
        .bind(Moment(moment))
        .fetch_all(connection)
        .await
        .map_err(error::store)?;
    let mut histories: HashMap<String, Vec<FoldEvent>> = HashMap::new();
    for row in &rows {
        let step: HistoryRow<'_> = decode(row)?;
        let saga_id = step.saga_id.to_owned();
        let (failure_reason, parent_saga_id) = dialect::of_metadata(row, step.step).map_err(error::store)?;
        let event = step.event(failure_reason, parent_saga_id)?;
        histories.entry(saga_id).or_default().push(event);
    }
    Ok(histories)
}

pub(super) async fn steps(
    pool: &Pool,
    saga_id: &str,
    after: Option<&Position>,
    limit: u32,
) -> Result<Option<StepPage>, StoreError> {
    if cannot_be(saga_id) {
        return Ok(None);
    }
    let query = match after {
        None => sqlx::query(STEPS.as_str())
            .bind(saga_id)
            .bind(i64::from(limit) + 1),
        Some(after) => sqlx::query(STEPS_AFTER.as_str())
            .bind(saga_id)
            .bind(i64::from(limit) + 1)
            .bind(Moment(after.recorded_at))
            .bind(after.event_id.as_str()),
    };
    let rows = query.map(|row| decode_step(&row)).fetch_all(pool).await;
    let mut rows = rows.map_err(error::store)?;
    if rows.is_empty() && !exists(pool, saga_id).await? {
        return Ok(None);
    }
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(Some(StepPage {
        steps: rows.into_iter().collect::<Result<_, StoreError>>()?,
        has_more,
    }))
}

async fn exists(pool: &Pool, saga_id: &str) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM saga_instance WHERE saga_id = $1)")
        .bind(saga_id)
        .fetch_one(pool)
        .await
        .map_err(error::store)
}
