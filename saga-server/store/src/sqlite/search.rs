//! Pages of sagas.
//!
//! Rule of thumb: the statement holds only the filters that are set, so that each combination gets a plan of its own.

use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::{
    SqliteStore,
    conditions::{self, push_cursor, push_order},
    dialect, error, read,
    rows::decode_all,
};
use crate::{
    Page, PageStart, SagaQuery, StoreError, Stretch, Total,
    draw::{DRAWS, DrawnRow},
    rows::StateRow,
    table::Keyed,
};

pub(super) async fn search(store: &SqliteStore, query: &SagaQuery) -> Result<Page, StoreError> {
    let pool = &store.readers;
    let mut rows = page(pool, query).await?;
    let has_more = rows.len() > query.size as usize;
    rows.truncate(query.size as usize);
    Ok(Page {
        sagas: read::stored(
            pool,
            &store.definitions.get(),
            rows.into_iter().map(|row| row.state).collect(),
        )
        .await?,
        total: total(pool, query).await?,
        has_more,
    })
}

/// As [`search`], without the total, and with where the list goes on.
pub(super) async fn list(store: &SqliteStore, query: &SagaQuery) -> Result<Stretch, StoreError> {
    let pool = &store.readers;
    let mut rows = page(pool, query).await?;
    let has_more = rows.len() > query.size as usize;
    rows.truncate(query.size as usize);
    let last = rows.last().filter(|_| has_more);
    let next = last.and_then(|row| Some(conditions::after(query, row.place?, &row.state.saga_id)));
    let next = next.transpose()?;
    let rows = rows.into_iter().map(|row| row.state).collect();
    Ok(Stretch {
        sagas: read::stored(pool, &store.definitions.get(), rows).await?,
        next,
    })
}

/// A saga of a page.
#[derive(sqlx::FromRow)]
struct PageRow {
    #[sqlx(flatten)]
    state: StateRow,
    /// By what the page is sorted, in milliseconds.
    place: Option<i64>,
}

impl Keyed for PageRow {
    const NAME: &'static str = StateRow::NAME;
    const KEY: &'static [&'static str] = StateRow::KEY;
}

/// One more than the page has.
async fn page(pool: &SqlitePool, query: &SagaQuery) -> Result<Vec<PageRow>, StoreError> {
    let mut sql = QueryBuilder::new(format!(
        "SELECT {}, {} AS place FROM saga_instance AS saga WHERE true",
        StateRow::COLUMNS,
        conditions::place(query, "saga")
    ));
    push_filters(&mut sql, query);
    push_cursor(&mut sql, query);
    push_order(&mut sql, query);
    sql.push(" LIMIT ").push_bind(i64::from(query.size) + 1);
    if let PageStart::Offset(offset) = query.start {
        // No table has so many rows.
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        sql.push(" OFFSET ").push_bind(offset);
    }
    let rows = sql.build().fetch_all(pool).await.map_err(error::store)?;
    decode_all(&rows)
}

/// The sagas that a search finds, whatever its order, start and size.
pub(super) struct Matching<'a> {
    store: &'a SqliteStore,
    query: &'a SagaQuery,
}

impl<'a> Matching<'a> {
    pub(super) async fn of(store: &'a SqliteStore, query: &'a SagaQuery) -> Result<Self, StoreError> {
        Ok(Self { store, query })
    }

    pub(super) async fn total(&self) -> Result<Total, StoreError> {
        total(&self.store.readers, self.query).await
    }

    /// Those whose numbers are below a limit, at most so many of them, in an order that has nothing to do with them.
    pub(super) async fn drawn(&self, limit: i64, most: u32) -> Result<Vec<DrawnRow>, StoreError> {
        // The multiplication spreads the numbers of sagas that came one after the other evenly.
        const NUMBER: &str = "((saga.rowid & 2147483647) * 2654435761)";
        let mut sql = QueryBuilder::new(
            "SELECT saga_id, saga_type, current_status, duration_ms FROM saga_instance AS saga WHERE true",
        );
        push_filters(&mut sql, self.query);
        if limit < DRAWS {
            sql.push(format_args!(" AND (({NUMBER} >> 16) & 65535) < {limit}"));
        }
        sql.push(format_args!(" ORDER BY {NUMBER} & 65535, saga_id LIMIT "))
            .push_bind(i64::from(most));
        let asked = sql.build_query_as();
        asked.fetch_all(&self.store.readers).await.map_err(error::store)
    }

    /// Those of some sagas that the search finds.
    pub(super) async fn among(&self, saga_ids: &[String]) -> Result<Vec<String>, StoreError> {
        let mut sql = QueryBuilder::new("SELECT saga_id FROM saga_instance AS saga WHERE saga_id ");
        dialect::push_any(&mut sql, saga_ids);
        push_filters(&mut sql, self.query);
        let asked = sql.build_query_scalar();
        asked.fetch_all(&self.store.readers).await.map_err(error::store)
    }
}

async fn total(pool: &SqlitePool, query: &SagaQuery) -> Result<Total, StoreError> {
    let mut sql = QueryBuilder::new("SELECT count(*) FROM (SELECT 1 FROM saga_instance AS saga WHERE true");
    push_filters(&mut sql, query);
    sql.push(format_args!(" LIMIT {})", Total::CAP + 1));
    let count: i64 = sql
        .build_query_scalar()
        .fetch_one(pool)
        .await
        .map_err(error::store)?;
    Ok(Total::capped(count.cast_unsigned()))
}

fn push_filters(sql: &mut QueryBuilder<Sqlite>, query: &SagaQuery) {
    conditions::push_filters(sql, query);
    push_step_filters(sql, query);
}

fn push_step_filters(sql: &mut QueryBuilder<Sqlite>, query: &SagaQuery) {
    const SOME_STEP: &str =
        " AND EXISTS (SELECT 1 FROM saga_steps AS step WHERE step.saga_id = saga.saga_id AND ";
    let columns = [
        ("step.step", &query.step),
        ("step.producer_service", &query.producer_service),
    ];
    for (column, value) in columns {
        if let Some(value) = value {
            sql.push(SOME_STEP)
                .push(column)
                .push(" = ")
                .push_bind(value)
                .push(")");
        }
    }
    if let Some(trace_id) = &query.trace_id {
        sql.push(" AND saga_id IN (SELECT saga_id FROM saga_steps WHERE trace_id = ")
            .push_bind(trace_id)
            .push(")");
    }
    for (key, value) in &query.metadata {
        sql.push(SOME_STEP);
        dialect::push_metadata(sql, key, value);
        sql.push(")");
    }
}
