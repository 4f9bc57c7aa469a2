//! How many sagas a search finds: counted up to a cap, and cached when there are more.

use std::{collections::BTreeMap, sync::Arc};

use saga_types::{SagaStatus, Timestamp};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{
    conditions::{self, push_statuses},
    error,
    filters::{push_filters, push_has_steps, push_sagas},
    refreshing_cache::RefreshingCache,
    step_prefilter::{Condition, SHORT_READ, StepPrefilter},
};
use crate::{Judged, PageStart, SagaQuery, StoreError, Total, detached::run_detached};

/// Of so many sagas of the asked types the steps are looked up one by one. More than the cap, so that it is reached also when a few
/// have no such step.
const LOOKED_UP: u64 = Total::CAP + Total::CAP / 5;

/// From the cache, or counted.
pub(super) async fn total(
    pool: &PgPool,
    cache: &Arc<RefreshingCache<Total>>,
    query: &SagaQuery,
    prefilter: &StepPrefilter,
) -> Result<Total, StoreError> {
    if let Some(sagas) = &prefilter.candidates
        && prefilter.conditions.is_empty()
        && !asks_beyond_steps(query)
    {
        return Ok(Total::capped(sagas.len() as u64));
    }
    let name = format!("{:?}", filters(query));
    let count = || {
        count(
            pool.clone(),
            cache.clone(),
            name.clone(),
            query.clone(),
            prefilter.clone(),
        )
    };
    match cache.get(&name) {
        None => count().await,
        Some(total) => {
            if total.is_due {
                // When this fails, the next caller refreshes it.
                tokio::spawn(count());
            }
            Ok(total.answer)
        }
    }
}

/// Counts, and caches what is not exact.
async fn count(
    pool: PgPool,
    cache: Arc<RefreshingCache<Total>>,
    name: String,
    query: SagaQuery,
    prefilter: StepPrefilter,
) -> Result<Total, StoreError> {
    let total = counted(&pool, &query, &prefilter).await?;
    if total.is_exact {
        cache.remove(&name);
    } else {
        cache.put(name, total);
    }
    Ok(total)
}

/// The query without what does not change how many there are, or hardly.
fn filters(query: &SagaQuery) -> SagaQuery {
    let soon = |(is_stuck, _)| (is_stuck, Timestamp::MIN);
    let whenever = Judged {
        now: Timestamp::MIN,
        late_before: Timestamp::MIN,
    };
    SagaQuery {
        stuck: query.stuck.map(soon),
        acknowledged: query
            .acknowledged
            .map(|(is_acknowledged, _)| (is_acknowledged, whenever)),
        start: PageStart::Offset(0),
        size: 0,
        ..query.clone()
    }
}

async fn counted(pool: &PgPool, query: &SagaQuery, prefilter: &StepPrefilter) -> Result<Total, StoreError> {
    let mut sql = counting(query, prefilter);
    let is_in_metadata = |condition: &Condition| matches!(condition, Condition::Containing(_));
    // Values of metadata that very many steps have cannot be counted in time.
    if !prefilter.conditions.iter().any(is_in_metadata) {
        let count: i64 = sql
            .build_query_scalar()
            .fetch_one(pool)
            .await
            .map_err(error::store)?;
        return Ok(Total::capped(count.cast_unsigned()));
    }
    let pool = pool.clone();
    run_detached(async move {
        let mut transaction = pool.begin_with(SHORT_READ).await.map_err(error::store)?;
        let counted = sql.build_query_scalar::<i64>().fetch_one(&mut *transaction).await;
        transaction.rollback().await.map_err(error::store)?;
        match counted {
            Ok(count) => Ok(Total::capped(count.cast_unsigned())),
            Err(failure) if error::is_out_of_time(&failure) => Ok(Total::UNKNOWN),
            Err(failure) => Err(error::store(failure)),
        }
    })
    .await
}

fn counting(query: &SagaQuery, prefilter: &StepPrefilter) -> QueryBuilder<Postgres> {
    if is_by_type_and_common_column(query, prefilter) {
        return counting_one_by_one_first(query, prefilter);
    }
    let mut sql = QueryBuilder::new("");
    push_count(&mut sql, query, prefilter);
    sql
}

/// Types and steps depend on each other, which the planner does not know: for the few sagas of a type it reads all steps of a
/// common name, of which they may have none. So some of the sagas come first, which is enough if there are no more, or if
/// the cap is reached.
fn counting_one_by_one_first(query: &SagaQuery, prefilter: &StepPrefilter) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(
        "WITH first_few AS (SELECT count(*) AS sagas, count(*) FILTER (WHERE has_steps) AS found FROM (SELECT ",
    );
    push_has_steps(&mut sql, &prefilter.conditions);
    sql.push(" AS has_steps FROM saga_instance AS saga WHERE true");
    push_any_status(&mut sql, query);
    conditions::push_filters(&mut sql, query);
    sql.push(format_args!(
        " LIMIT {LOOKED_UP}) AS looked_up) SELECT CASE WHEN sagas < {LOOKED_UP} OR found > {} THEN found ELSE (",
        Total::CAP
    ));
    push_count(&mut sql, query, prefilter);
    sql.push(") END FROM first_few");
    sql
}

fn push_count(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery, prefilter: &StepPrefilter) {
    sql.push("SELECT count(*) FROM (");
    if let (None, [condition @ Condition::Column(..)], false) = (
        &prefilter.candidates,
        &prefilter.conditions[..],
        asks_beyond_steps(query),
    ) {
        // In the order of the sagas, so that each is counted once without looking it up.
        sql.push("SELECT DISTINCT saga_id FROM saga_steps AS step WHERE ");
        condition.push(sql);
    } else {
        sql.push("SELECT 1 FROM ");
        push_sagas(sql, prefilter.layout, prefilter.candidates.as_deref());
        push_any_status(sql, query);
        push_filters(sql, query, prefilter);
    }
    sql.push(format_args!(" LIMIT {}) AS found", Total::CAP + 1));
}

/// One range of the index of types and statuses for each status, where none is asked for.
fn push_any_status(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery) {
    if is_by_type(query) && query.status.is_none() && query.ended.is_none() {
        push_statuses(sql, SagaStatus::ALL.into_iter());
    }
}

fn is_by_type(query: &SagaQuery) -> bool {
    query.saga_type.is_some() || !query.scope.is_all()
}

/// Values of metadata are not among them: looking one up takes reading all steps of a saga.
fn is_by_type_and_common_column(query: &SagaQuery, prefilter: &StepPrefilter) -> bool {
    let mut conditions = prefilter.conditions.iter();
    is_by_type(query)
        && prefilter.candidates.is_none()
        && !prefilter.conditions.is_empty()
        && conditions.all(|condition| matches!(condition, Condition::Column(..)))
}

/// Whether it asks for anything that is not about steps.
fn asks_beyond_steps(query: &SagaQuery) -> bool {
    let others = SagaQuery {
        step: None,
        producer_service: None,
        trace_id: None,
        metadata: BTreeMap::new(),
        ..query.clone()
    };
    others.has_filters()
}
