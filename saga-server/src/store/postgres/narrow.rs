//! Filters on the steps of a saga. Values of the metadata are looked up first, and when few sagas have one, only those are
//! looked at.
//!
//! Rule of thumb: the planner cannot know how many steps hold a value of the metadata. Taken for many, the newest sagas would
//! be looked through one after the other until enough of them match; taken for few, a million would be fetched to be sorted.
//! Of steps and services it knows which are common.

use saga_types::keys;
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{error, held::Held};
use crate::store::{SagaQuery, StoreError, metadata, unattended};

/// So many sagas are few: fetching them to sort them is a matter of milliseconds.
const FEW: usize = 5_000;

/// How long looking up may take. What takes longer is not few.
pub(super) const PATIENCE: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '250ms'";

/// Something that a step of a saga must have.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// This value in a column.
    Column(&'static str, String),
    /// Metadata that contains one of these objects.
    Containing(Vec<String>),
}

/// What a query asks of steps.
#[derive(Debug)]
pub(super) struct Narrowed {
    /// The sagas that match a condition which few do, and not any more among those below.
    pub(super) sagas: Option<Vec<String>>,
    /// What else a step must have; each may be another step.
    pub(super) conditions: Vec<Condition>,
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

/// Looks values of the metadata up until one is found that few sagas have.
pub(super) async fn narrow(
    pool: &PgPool,
    common: &Held<()>,
    query: &SagaQuery,
) -> Result<Narrowed, StoreError> {
    let mut conditions = conditions(query);
    for index in 0..conditions.len() {
        let Condition::Containing(objects) = &conditions[index] else {
            continue;
        };
        let name = objects.join(" ");
        if common.get(&name).is_some() {
            continue;
        }
        if let Some(sagas) = few(pool, conditions[index].clone()).await? {
            conditions.remove(index);
            return Ok(Narrowed {
                sagas: Some(sagas),
                conditions,
            });
        }
        common.hold(name, ());
    }
    Ok(Narrowed {
        sagas: None,
        conditions,
    })
}

/// The sagas that match a condition, if they are few.
async fn few(pool: &PgPool, condition: Condition) -> Result<Option<Vec<String>>, StoreError> {
    let pool = pool.clone();
    unattended(async move {
        let mut sql = QueryBuilder::new("SELECT DISTINCT saga_id FROM saga_steps AS step WHERE ");
        condition.push(&mut sql);
        sql.push(format_args!(" LIMIT {}", FEW + 1));
        let mut transaction = pool.begin_with(PATIENCE).await.map_err(error::store)?;
        let found = sql
            .build_query_scalar::<String>()
            .fetch_all(&mut *transaction)
            .await;
        transaction.rollback().await.map_err(error::store)?;
        match found {
            Ok(sagas) => Ok((sagas.len() <= FEW).then_some(sagas)),
            Err(failure) if error::is_out_of_time(&failure) => Ok(None),
            Err(failure) => Err(error::store(failure)),
        }
    })
    .await
}
