//! How many sagas a page is of: counted up to a cap, and held when there are more.

use std::{collections::BTreeMap, sync::Arc};

use saga_types::{SagaStatus, Timestamp};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{
    error,
    filters::{push_filters, push_sagas, push_statuses},
    refreshing_cache::Held,
    step_conditions::{Condition, Narrowed, PATIENCE},
};
use crate::{PageStart, SagaQuery, StoreError, Total, detached::run_detached};

/// As it is known, or counted.
pub(super) async fn total(
    pool: &PgPool,
    known: &Arc<Held<Total>>,
    query: &SagaQuery,
    narrowed: &Narrowed,
) -> Result<Total, StoreError> {
    if let Some(sagas) = &narrowed.sagas
        && narrowed.conditions.is_empty()
        && !asks_beyond_steps(query)
    {
        return Ok(Total::capped(sagas.len() as u64));
    }
    let name = format!("{:?}", filters(query));
    let count = || {
        count(
            pool.clone(),
            known.clone(),
            name.clone(),
            query.clone(),
            narrowed.clone(),
        )
    };
    match known.get(&name) {
        None => count().await,
        Some(total) => {
            if total.is_due {
                // Should it fail, it is due again.
                tokio::spawn(count());
            }
            Ok(total.answer)
        }
    }
}

/// Counts, and holds what is not exact.
async fn count(
    pool: PgPool,
    known: Arc<Held<Total>>,
    name: String,
    query: SagaQuery,
    narrowed: Narrowed,
) -> Result<Total, StoreError> {
    let total = counted(&pool, &query, &narrowed).await?;
    if total.is_exact {
        known.forget(&name);
    } else {
        known.hold(name, total);
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

async fn counted(pool: &PgPool, query: &SagaQuery, narrowed: &Narrowed) -> Result<Total, StoreError> {
    let mut sql = counting(query, narrowed);
    let is_in_metadata = |condition: &Condition| matches!(condition, Condition::Containing(_));
    // Values of metadata that very many steps have cannot be counted in time.
    if !narrowed.conditions.iter().any(is_in_metadata) {
        let count: i64 = sql
            .build_query_scalar()
            .fetch_one(pool)
            .await
            .map_err(error::store)?;
        return Ok(Total::capped(count.cast_unsigned()));
    }
    let pool = pool.clone();
    run_detached(async move {
        let mut transaction = pool.begin_with(PATIENCE).await.map_err(error::store)?;
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

fn counting(query: &SagaQuery, narrowed: &Narrowed) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("SELECT count(*) FROM (");
    if let (None, [condition @ Condition::Column(..)], false) = (
        &narrowed.sagas,
        &narrowed.conditions[..],
        asks_beyond_steps(query),
    ) {
        // In the order of the sagas, so that each is counted once without looking it up.
        sql.push("SELECT DISTINCT saga_id FROM saga_steps AS step WHERE ");
        condition.push(&mut sql);
    } else {
        sql.push("SELECT FROM ");
        push_sagas(&mut sql, narrowed.sagas.as_deref());
        sql.push(" WHERE true");
        if query.saga_type.is_some() && query.status.is_none() && query.ended.is_none() {
            // One stretch of the index for each.
            push_statuses(&mut sql, SagaStatus::ALL.into_iter());
        }
        push_filters(&mut sql, query, narrowed);
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
