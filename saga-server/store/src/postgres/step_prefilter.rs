//! Filters on the steps of a saga. Each is looked up first; of a selective one, which few steps match, only the sagas are
//! read that it gives.
//!
//! Rule of thumb: the planner knows neither how many steps hold a value of the metadata, nor that the newest sagas differ from
//! all others. Taken for unselective, the newest would be read one after the other until enough of them match; taken
//! for selective, a million would be fetched to be sorted.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use saga_types::keys;
use sqlx::{Executor, PgPool, Postgres, QueryBuilder};

use super::{error, refreshing_cache::RefreshingCache};
use crate::{SagaQuery, StoreError, columns::Moment, detached::run_detached, layout::Layout, metadata};

/// A condition is selective up to so many steps: fetching their sagas to sort them takes milliseconds.
const MAX_STEPS: usize = 10_000;

/// How long counting and looking up may take. What takes longer is not selective.
pub(super) const SHORT_READ: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '250ms'";

/// An unselective value is soon found in any part of the table, which is no reason to read it whole; and looking up ends with the
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

/// What a query asks of steps, after its conditions were looked up.
#[derive(Debug, Clone)]
pub(super) struct StepPrefilter {
    pub(super) layout: Layout,
    /// The sagas that match a selective condition; it is not among those below any more.
    pub(super) candidates: Option<Vec<Candidate>>,
    /// What else a step must have; each may be another step.
    pub(super) conditions: Vec<Condition>,
}

/// A saga that matches.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) saga_id: String,
    /// When its first step that matches was recorded, and so the latest moment at which it can have started.
    pub(super) recorded_at: Moment,
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

/// The conditions of a query, those first that are selective as a rule.
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

/// Looks the conditions up until one is found that is selective.
pub(super) async fn prefilter(
    (pool, layout): (&PgPool, Layout),
    unselective: &Arc<RefreshingCache<()>>,
    query: &SagaQuery,
) -> Result<StepPrefilter, StoreError> {
    let mut conditions = conditions(query);
    for index in 0..conditions.len() {
        let condition = &conditions[index];
        let candidates = match unselective.get(&name(condition)) {
            None => look_up(pool.clone(), unselective.clone(), condition.clone()).await?,
            Some(cached) => {
                if cached.is_due {
                    // When this fails, the next caller refreshes it.
                    tokio::spawn(look_up(pool.clone(), unselective.clone(), condition.clone()));
                }
                None
            }
        };
        if candidates.is_some() {
            conditions.remove(index);
            return Ok(StepPrefilter {
                layout,
                candidates,
                conditions,
            });
        }
    }
    Ok(StepPrefilter {
        layout,
        candidates: None,
        conditions,
    })
}

fn name(condition: &Condition) -> String {
    format!("{condition:?}")
}

/// The sagas that match a condition if it is selective; otherwise it is cached as unselective.
async fn look_up(
    pool: PgPool,
    unselective: Arc<RefreshingCache<()>>,
    condition: Condition,
) -> Result<Option<Vec<Candidate>>, StoreError> {
    let name = name(&condition);
    let sagas = selective(&pool, condition).await?;
    match sagas {
        Some(_) => unselective.remove(&name),
        None => unselective.put(name, ()),
    }
    Ok(sagas)
}

/// The sagas that match a condition, if it is selective.
async fn selective(pool: &PgPool, condition: Condition) -> Result<Option<Vec<Candidate>>, StoreError> {
    let pool = pool.clone();
    run_detached(async move {
        let mut sql = QueryBuilder::new("SELECT saga_id, recorded_at FROM saga_steps AS step WHERE ");
        condition.push(&mut sql);
        sql.push(format_args!(" LIMIT {}", MAX_STEPS + 1));
        let mut transaction = pool.begin_with(SHORT_READ).await.map_err(error::store)?;
        let settings = match condition {
            Condition::Column(..) => BY_COLUMN,
            Condition::Containing(_) => BY_METADATA,
        };
        transaction.execute(settings).await.map_err(error::store)?;
        let found = sql
            .build_query_as::<(String, Moment)>()
            .fetch_all(&mut *transaction)
            .await;
        transaction.rollback().await.map_err(error::store)?;
        match found {
            Ok(steps) if steps.len() > MAX_STEPS => Ok(None),
            Ok(steps) => Ok(Some(candidates(steps))),
            Err(failure) if error::is_out_of_time(&failure) => Ok(None),
            Err(failure) => Err(error::store(failure)),
        }
    })
    .await
}

/// Each saga once, those first that may be the newest.
fn candidates(steps: Vec<(String, Moment)>) -> Vec<Candidate> {
    let mut first: HashMap<String, Moment> = HashMap::with_capacity(steps.len());
    for (saga_id, recorded_at) in steps {
        let first = first.entry(saga_id).or_insert(recorded_at);
        *first = recorded_at.min(*first);
    }
    let mut candidates: Vec<Candidate> = first
        .into_iter()
        .map(|(saga_id, recorded_at)| Candidate { saga_id, recorded_at })
        .collect();
    candidates.sort_unstable_by_key(|found| Reverse(found.recorded_at));
    candidates
}

#[cfg(test)]
mod tests {
    use saga_types::Timestamp;

    use super::*;

    #[test]
    fn a_saga_that_matches_twice_is_there_once_with_its_first_step() {
        let at = |seconds: i64| Moment(Timestamp::from_millis(seconds * 1_000).unwrap());
        let step = |saga: &str, seconds| (saga.to_owned(), at(seconds));
        let candidates = candidates(vec![step("a", 3), step("b", 2), step("a", 1), step("c", 7)]);
        let found: Vec<_> = candidates
            .iter()
            .map(|found| (found.saga_id.as_str(), found.recorded_at))
            .collect();
        assert_eq!(found, [("c", at(7)), ("b", at(2)), ("a", at(1))]);
    }
}
