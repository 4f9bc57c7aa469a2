//! Sagas drawn from those that a search finds.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::{Adapter, Db, Pool, dialect, error, search, statistics};
use crate::{
    DrawStore, Drawn, DrawnEvent, DrawnSaga, SagaQuery, StoreError,
    draw::{self, DRAWS, DrawnRow, DrawnStep, EventRow},
};

#[async_trait]
impl DrawStore for Adapter {
    async fn draw(&self, query: &SagaQuery, most: u32) -> Result<Drawn, StoreError> {
        let (rows, of, of_is_exact) = rows(self, query, most).await?;
        Ok(Drawn {
            sagas: sagas(&self.readers, &rows).await?,
            of,
            of_is_exact,
        })
    }

    async fn draw_rest(
        &self,
        query: &SagaQuery,
        without: &SagaQuery,
        most: u32,
    ) -> Result<Drawn, StoreError> {
        let (mut rows, of, _) = rows(self, query, most).await?;
        let read = rows.len();
        let left_out = search::Matching::of(self, without).await?;
        let mut found = BTreeSet::new();
        for some in rows.chunks(DrawnSaga::CHUNK) {
            found.extend(left_out.among(&ids(some)).await?);
        }
        rows.retain(|row| !found.contains(&row.saga_id));
        let (of, of_is_exact) = draw::remaining(of, read, rows.len());
        Ok(Drawn {
            sagas: sagas(&self.readers, &rows).await?,
            of,
            of_is_exact,
        })
    }

    async fn draw_events(&self, query: &SagaQuery, most: u32) -> Result<Vec<Vec<DrawnEvent>>, StoreError> {
        let (rows, ..) = rows(self, query, most).await?;
        let mut sagas = Vec::with_capacity(rows.len());
        for some in rows.chunks(DrawnSaga::CHUNK) {
            sagas.extend(draw::by_saga(events(&self.readers, some).await?)?);
        }
        Ok(sagas)
    }
}

async fn sagas(pool: &Pool, rows: &[DrawnRow]) -> Result<Vec<DrawnSaga>, StoreError> {
    let mut sagas = Vec::with_capacity(rows.len());
    for some in rows.chunks(DrawnSaga::CHUNK) {
        sagas.extend(draw::united(some, steps(pool, some).await?)?);
    }
    Ok(sagas)
}

fn ids(rows: &[DrawnRow]) -> Vec<String> {
    rows.iter().map(|row| row.saga_id.clone()).collect()
}

/// The sagas, how many there are, and whether so many were counted.
async fn rows(
    store: &Adapter,
    query: &SagaQuery,
    most: u32,
) -> Result<(Vec<DrawnRow>, u64, bool), StoreError> {
    let matching = search::Matching::of(store, query).await?;
    let total = matching.total().await?;
    if total.is_exact {
        return Ok((matching.drawn(DRAWS, most).await?, total.count, true));
    }
    let counted = statistics::statistics(&store.readers, &draw::rough(query)).await?;
    let rough = draw::of_statuses(query, &counted.by_status);
    let mut limit = draw::limit(most, rough);
    let mut rows = matching.drawn(limit, most.saturating_mul(3)).await?;
    if let Some(wider) = draw::wider(limit, rows.len(), most) {
        limit = wider;
        rows = matching.drawn(limit, most.saturating_mul(3)).await?;
    }
    let estimated = rows.len() as u64 * DRAWS.unsigned_abs() / limit.unsigned_abs();
    rows.truncate(most as usize);
    let is_counted = draw::is_counted(query);
    let of = if is_counted {
        rough
    } else {
        estimated.max(total.count)
    };
    Ok((rows, of, is_counted))
}

/// What the first steps of each of the sagas say.
async fn steps(pool: &Pool, rows: &[DrawnRow]) -> Result<Vec<DrawnStep>, StoreError> {
    let columns = format!("producer_service, {} AS metadata", dialect::SHORT_METADATA);
    let mut sql = first_steps(rows, &columns, DrawnSaga::STEPS);
    sql.build_query_as().fetch_all(pool).await.map_err(error::store)
}

/// The first events of each of the sagas, saga by saga.
async fn events(pool: &Pool, rows: &[DrawnRow]) -> Result<Vec<EventRow>, StoreError> {
    let columns = "producer_service, step, status, recorded_at";
    let mut sql = first_steps(rows, columns, DrawnEvent::OF_A_SAGA);
    sql.push(" ORDER BY saga_id, place");
    sql.build_query_as().fetch_all(pool).await.map_err(error::store)
}

fn first_steps(rows: &[DrawnRow], columns: &str, most: i64) -> QueryBuilder<Db> {
    let mut sql: QueryBuilder<Db> = QueryBuilder::new("SELECT * FROM (SELECT saga_id, ");
    sql.push(columns)
        .push(", row_number() OVER (PARTITION BY saga_id ORDER BY recorded_at, event_id) AS place ")
        .push("FROM saga_steps WHERE saga_id ");
    dialect::push_any(&mut sql, &ids(rows));
    sql.push(") AS step WHERE place <= ").push(most);
    sql
}
