//! How many sagas a search finds: counted up to a cap, and cached when there are more.

use std::{collections::BTreeMap, sync::Arc};

use saga_types::{SagaStatus, Timestamp};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{
    conditions::push_statuses,
    error,
    filters::{push_filters, push_sagas},
    refreshing_cache::RefreshingCache,
    step_prefilter::{Condition, SHORT_READ, StepPrefilter},
};
use crate::{PageStart, SagaQuery, StoreError, Total, detached::run_detached};

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
    SagaQuery {
        stuck: query.stuck.map(soon),
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
    let mut sql = QueryBuilder::new("SELECT count(*) FROM (");
    if let (None, [condition @ Condition::Column(..)], false) = (
        &prefilter.candidates,
        &prefilter.conditions[..],
        asks_beyond_steps(query),
    ) {
        // In the order of the sagas, so that each is counted once without looking it up.
        sql.push("SELECT DISTINCT saga_id FROM saga_steps AS step WHERE ");
        condition.push(&mut sql);
    } else {
        sql.push("SELECT FROM ");
        push_sagas(&mut sql, prefilter.candidates.as_deref());
        sql.push(" WHERE true");
        let is_by_type = query.saga_type.is_some() || !query.scope.is_all();
        if is_by_type && query.status.is_none() && query.ended.is_none() {
            // One range of the index for each.
            push_statuses(&mut sql, SagaStatus::ALL.into_iter());
        }
        push_filters(&mut sql, query, prefilter);
    }
    sql.push(format_args!(" LIMIT {}) AS found", Total::CAP + 1));
    sql
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
