//! Filters on the steps of a saga: each is looked up first, and when few steps match it, only their sagas are looked at.
//!
//! Rule of thumb: the planner knows neither how many steps hold a value of the metadata, nor that the newest sagas differ from
//! all others. Taken for many, the newest would be looked through one after the other until enough of them match; taken for
//! few, a million would be fetched to be sorted.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use saga_types::keys;
use sqlx::{Executor, PgPool, Postgres, QueryBuilder};

use super::{error, refreshing_cache::Held};
use crate::{SagaQuery, StoreError, detached::run_detached, metadata};

/// So many steps are few: fetching their sagas to sort them is a matter of milliseconds.
const FEW: usize = 10_000;

/// How long counting and looking up may take. What takes longer is not few.
pub(super) const PATIENCE: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '250ms'";

/// A common value is soon found in any part of the table, which is no reason to read it whole; and looking up ends with the
/// last entry that is wanted.
const BY_COLUMN: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off";
/// The index of metadata gives all at once.
const BY_METADATA: &str = "SET LOCAL enable_seqscan = off";

/// Something that a step of a saga must have.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// This value in a column.
    Column(&'static str, String),
    /// Metadata that contains one of these objects.
    Containing(Vec<String>),
}

/// What a query asks of steps.
#[derive(Debug, Clone)]
pub(super) struct Narrowed {
    /// The sagas that match a condition which few steps do; it is not among those below any more.
    pub(super) sagas: Option<Vec<Match>>,
    /// What else a step must have; each may be another step.
    pub(super) conditions: Vec<Condition>,
}

/// A saga that matches, those first that may be the newest.
#[derive(Debug, Clone)]
pub(super) struct Match {
    pub(super) saga_id: String,
    /// When its first step that matches was recorded, and so the latest moment at which it can have started.
    pub(super) recorded_at: DateTime<Utc>,
}

impl Condition {
    pub(super) fn push(&self, sql: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Column(column, value) => {
                sql.push(format_args!("step.{column} = "))
                    .push_bind(value.clone());
            }
            Self::Containing(objects) => {
                sql.push("(");
                for (index, object) in objects.iter().enumerate() {
                    sql.push(if index == 0 { "" } else { " OR " })
                        .push("step.metadata @> ")
                        .push_bind(object.clone())
                        .push("::jsonb");
                }
                sql.push(")");
            }
        }
    }
}

/// The conditions of a query, those first that few sagas match as a rule.
pub(super) fn conditions(query: &SagaQuery) -> Vec<Condition> {
    // The column comes from the metadata, so that its index serves it too.
    let trace = query.trace_id.iter();
    let trace = trace.map(|id| Condition::Containing(vec![metadata::text_object(keys::TRACE_ID, id)]));
    let metadata = query.metadata.iter();
    let metadata = metadata.map(|(key, value)| Condition::Containing(metadata::objects_saying(key, value)));
    let column = |name, value: &Option<String>| Some(Condition::Column(name, value.clone()?));
    let step = column("step", &query.step);
    let service = column("producer_service", &query.producer_service);
    trace.chain(metadata).chain(step).chain(service).collect()
}

/// Looks the conditions up until one is found that few steps match.
pub(super) async fn narrow(
    pool: &PgPool,
    common: &Arc<Held<()>>,
    query: &SagaQuery,
) -> Result<Narrowed, StoreError> {
    let mut conditions = conditions(query);
    for index in 0..conditions.len() {
        let condition = &conditions[index];
        let sagas = match common.get(&name(condition)) {
            None => look_up(pool.clone(), common.clone(), condition.clone()).await?,
            Some(known) => {
                if known.is_due {
                    // Should it fail, it is due again.
                    tokio::spawn(look_up(pool.clone(), common.clone(), condition.clone()));
                }
                None
            }
        };
        if sagas.is_some() {
            conditions.remove(index);
            return Ok(Narrowed { sagas, conditions });
        }
    }
    Ok(Narrowed {
        sagas: None,
        conditions,
    })
}

fn name(condition: &Condition) -> String {
    format!("{condition:?}")
}

/// The sagas that match a condition if few steps do; otherwise it is held to be common.
async fn look_up(
    pool: PgPool,
    common: Arc<Held<()>>,
    condition: Condition,
) -> Result<Option<Vec<Match>>, StoreError> {
    let name = name(&condition);
    let sagas = few(&pool, condition).await?;
    match sagas {
        Some(_) => common.forget(&name),
        None => common.hold(name, ()),
    }
    Ok(sagas)
}

/// The sagas that match a condition, if few steps do.
async fn few(pool: &PgPool, condition: Condition) -> Result<Option<Vec<Match>>, StoreError> {
    let pool = pool.clone();
    run_detached(async move {
        let mut sql = QueryBuilder::new("SELECT saga_id, recorded_at FROM saga_steps AS step WHERE ");
        condition.push(&mut sql);
        sql.push(format_args!(" LIMIT {}", FEW + 1));
        let mut transaction = pool.begin_with(PATIENCE).await.map_err(error::store)?;
        let settings = match condition {
            Condition::Column(..) => BY_COLUMN,
            Condition::Containing(_) => BY_METADATA,
        };
        transaction.execute(settings).await.map_err(error::store)?;
        let found = sql
            .build_query_as::<(String, DateTime<Utc>)>()
            .fetch_all(&mut *transaction)
            .await;
        transaction.rollback().await.map_err(error::store)?;
        match found {
            Ok(steps) if steps.len() > FEW => Ok(None),
            Ok(steps) => Ok(Some(matches(steps))),
            Err(failure) if error::is_out_of_time(&failure) => Ok(None),
            Err(failure) => Err(error::store(failure)),
        }
    })
    .await
}

/// Each saga once, those first that may be the newest.
fn matches(steps: Vec<(String, DateTime<Utc>)>) -> Vec<Match> {
    let mut first: HashMap<String, DateTime<Utc>> = HashMap::with_capacity(steps.len());
    for (saga_id, recorded_at) in steps {
        let first = first.entry(saga_id).or_insert(recorded_at);
        *first = recorded_at.min(*first);
    }
    let mut matches: Vec<Match> = first
        .into_iter()
        .map(|(saga_id, recorded_at)| Match { saga_id, recorded_at })
        .collect();
    matches.sort_unstable_by_key(|found| Reverse(found.recorded_at));
    matches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saga_that_matches_twice_is_there_once_with_its_first_step() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        let step = |saga: &str, seconds| (saga.to_owned(), at(seconds));
        let matches = matches(vec![step("a", 3), step("b", 2), step("a", 1), step("c", 7)]);
        let matches: Vec<_> = matches
            .iter()
            .map(|found| (found.saga_id.as_str(), found.recorded_at))
            .collect();
        assert_eq!(matches, [("c", at(7)), ("b", at(2)), ("a", at(1))]);
    }
}
