//! Pages of sagas.
//!
//! Rule of thumb: the statement holds only the filters that are set, so that each combination gets a plan of its own.

use std::sync::Arc;

use saga_types::{SagaStatus, SagaType};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{
    PostgresStore,
    conditions::{self, order, push_cursor, push_order, push_statuses},
    dialect, error,
    filters::{push_filters, push_sagas},
    read,
    refreshing_cache::RefreshingCache,
    rows::decode_all,
    step_prefilter::{self, Candidate, StepPrefilter},
    totals,
};
use crate::{
    Page, PageStart, SagaQuery, Scope, SortBy, SortOrder, StoreError, Stretch, Total,
    columns::Moment,
    draw::{DRAWS, DrawnRow},
    rows::StateRow,
    table::Keyed,
};

/// Answers that several searches share.
#[derive(Debug, Default)]
pub(super) struct SearchCaches {
    /// Totals that are not exact: counting so many takes long, and they are hardly fewer when the next page is asked for.
    totals: Arc<RefreshingCache<Total>>,
    /// Conditions that many steps match.
    unselective: Arc<RefreshingCache<()>>,
}

pub(super) async fn search(store: &PostgresStore, query: &SagaQuery) -> Result<Page, StoreError> {
    let (pool, caches) = (&store.readers, &store.caches);
    if asks_for_nul(query) {
        return Ok(Page::of_none());
    }
    let prefilter = prefilter(store, query).await?;
    let mut rows = page(pool, query, &prefilter).await?;
    let has_more = rows.len() > query.size as usize;
    rows.truncate(query.size as usize);
    let total = match query.start {
        // The last page says itself how many there are.
        PageStart::Offset(before) if !has_more && (before == 0 || !rows.is_empty()) => {
            Total::capped(before + rows.len() as u64)
        }
        _ => totals::total(pool, &caches.totals, query, &prefilter).await?,
    };
    Ok(Page {
        sagas: read::stored(
            pool,
            &store.definitions.get(),
            rows.into_iter().map(|row| row.state).collect(),
        )
        .await?,
        total,
        has_more,
    })
}

/// As [`search`], without the total, and with where the list goes on.
pub(super) async fn list(store: &PostgresStore, query: &SagaQuery) -> Result<Stretch, StoreError> {
    let pool = &store.readers;
    let mut rows = match asks_for_nul(query) {
        true => Vec::new(),
        false => {
            let prefilter = prefilter(store, query).await?;
            page(pool, query, &prefilter).await?
        }
    };
    let has_more = rows.len() > query.size as usize;
    rows.truncate(query.size as usize);
    let last = rows.last().filter(|_| has_more);
    let next = last.and_then(|row| row.after(query)).transpose()?;
    let rows = rows.into_iter().map(|row| row.state).collect();
    Ok(Stretch {
        sagas: read::stored(pool, &store.definitions.get(), rows).await?,
        next,
    })
}

async fn prefilter(store: &PostgresStore, query: &SagaQuery) -> Result<StepPrefilter, StoreError> {
    step_prefilter::prefilter(store.reading().await?, &store.caches.unselective, query).await
}

/// The sagas that a search finds, whatever its order, start and size.
pub(super) struct Matching<'a> {
    store: &'a PostgresStore,
    query: &'a SagaQuery,
    /// None when no saga can match.
    prefilter: Option<StepPrefilter>,
}

impl<'a> Matching<'a> {
    pub(super) async fn of(store: &'a PostgresStore, query: &'a SagaQuery) -> Result<Self, StoreError> {
        let prefilter = if asks_for_nul(query) {
            None
        } else {
            Some(prefilter(store, query).await?)
        };
        Ok(Self {
            store,
            query,
            prefilter,
        })
    }

    pub(super) async fn total(&self) -> Result<Total, StoreError> {
        let Some(prefilter) = &self.prefilter else {
            return Ok(Total::capped(0));
        };
        totals::total(
            &self.store.readers,
            &self.store.caches.totals,
            self.query,
            prefilter,
        )
        .await
    }

    /// Those whose numbers are below a limit, at most so many of them, in an order that has nothing to do with them.
    pub(super) async fn drawn(&self, limit: i64, most: u32) -> Result<Vec<DrawnRow>, StoreError> {
        let Some(prefilter) = &self.prefilter else {
            return Ok(Vec::new());
        };
        let mut sql = QueryBuilder::new("SELECT saga_id, saga_type, current_status, duration_ms FROM ");
        push_sagas(&mut sql, prefilter.layout, prefilter.candidates.as_deref());
        if self.query.saga_type.is_some() && self.query.status.is_none() && self.query.statuses().is_none() {
            // With each status named, the index gives one range for each.
            push_statuses(&mut sql, SagaStatus::ALL.into_iter());
        }
        push_filters(&mut sql, self.query, prefilter);
        // A partial index has the numbers below 4,096; the planner takes it only when the condition names that bound.
        for below in [limit, 4_096] {
            if limit <= below && below < DRAWS {
                sql.push(format_args!(
                    " AND (hashtextextended(saga_id, 0) & 65535) < {below}"
                ));
            }
        }
        sql.push(" ORDER BY hashtextextended(saga_id, 1), saga_id LIMIT ")
            .push_bind(i64::from(most));
        let asked = sql.build_query_as();
        asked.fetch_all(&self.store.readers).await.map_err(error::store)
    }

    /// Those of some sagas that the search finds.
    pub(super) async fn among(&self, saga_ids: &[String]) -> Result<Vec<String>, StoreError> {
        let Some(prefilter) = &self.prefilter else {
            return Ok(Vec::new());
        };
        let mut sql = QueryBuilder::new("SELECT saga_id FROM ");
        push_sagas(&mut sql, prefilter.layout, prefilter.candidates.as_deref());
        sql.push(" AND saga_id ");
        dialect::push_any(&mut sql, saga_ids);
        push_filters(&mut sql, self.query, prefilter);
        let asked = sql.build_query_scalar();
        asked.fetch_all(&self.store.readers).await.map_err(error::store)
    }
}

/// PostgreSQL takes no U+0000, and so no saga has one either.
fn asks_for_nul(query: &SagaQuery) -> bool {
    let mut texts = query
        .texts()
        .chain(query.metadata.iter().flat_map(|(key, value)| [key, value]));
    texts.any(|text| text.contains('\0'))
}

/// A saga of a page, and when it started.
#[derive(sqlx::FromRow)]
struct PageRow {
    #[sqlx(flatten)]
    state: StateRow,
    started_at: Moment,
    /// By what the page is sorted, in milliseconds.
    place: Option<i64>,
}

impl PageRow {
    /// Where the list goes on behind it.
    fn after(&self, query: &SagaQuery) -> Option<Result<PageStart, StoreError>> {
        self.place
            .map(|place| conditions::after(query, place, &self.state.saga_id))
    }
}

impl Keyed for PageRow {
    const NAME: &'static str = StateRow::NAME;
    const KEY: &'static [&'static str] = StateRow::KEY;
}

/// One more than the page has, each a saga with its fold.
async fn page(
    pool: &PgPool,
    query: &SagaQuery,
    prefilter: &StepPrefilter,
) -> Result<Vec<PageRow>, StoreError> {
    match &prefilter.candidates {
        None => page_of(pool, query, prefilter, None).await,
        Some(candidates) => page_of_candidates(pool, query, prefilter, candidates).await,
    }
}

/// Looks at some of the sagas that were found, and at more only if one of those could belong on the page.
async fn page_of_candidates(
    pool: &PgPool,
    query: &SagaQuery,
    prefilter: &StepPrefilter,
    candidates: &[Candidate],
) -> Result<Vec<PageRow>, StoreError> {
    let (wanted, offset) = window(query);
    let is_newest_first = query.sort.by == SortBy::StartedAt && query.sort.order == SortOrder::Descending;
    // Cut to the largest number, it takes all candidates.
    let mut some = match is_newest_first {
        true => usize::try_from(wanted.saturating_add(offset).saturating_mul(5)).unwrap_or(usize::MAX),
        false => candidates.len(),
    };
    loop {
        let looked_at = &candidates[..some.min(candidates.len())];
        let rows = page_of(pool, query, prefilter, Some(looked_at)).await?;
        let Some(next) = candidates.get(some) else {
            return Ok(rows);
        };
        if rows.len() > query.size as usize
            && let Some(oldest) = rows.last()
            && oldest.started_at > next.recorded_at
        {
            return Ok(rows);
        }
        some = some.saturating_mul(4);
    }
}

/// How many rows are wanted, and how many come before them; no table has so many that either is cut.
fn window(query: &SagaQuery) -> (i64, i64) {
    let offset = match query.start {
        PageStart::Offset(offset) => i64::try_from(offset).unwrap_or(i64::MAX),
        PageStart::After { .. } => 0,
    };
    (i64::from(query.size) + 1, offset)
}

async fn page_of(
    pool: &PgPool,
    query: &SagaQuery,
    prefilter: &StepPrefilter,
    sagas: Option<&[Candidate]>,
) -> Result<Vec<PageRow>, StoreError> {
    // The folds are long, and are read of those sagas only that are on the page.
    let mut sql = QueryBuilder::new(format!(
        "SELECT {}, saga.started_at, {} AS place FROM (SELECT * FROM (",
        StateRow::COLUMNS,
        conditions::place(query, "page")
    ));
    let (wanted, offset) = window(query);
    for (place, part) in parts(query).into_iter().enumerate() {
        sql.push(if place == 0 { "(" } else { " UNION ALL (" });
        push_part(
            &mut sql,
            query,
            prefilter,
            sagas,
            part,
            wanted.saturating_add(offset),
        );
        sql.push(")");
    }
    sql.push(") AS found");
    push_order(&mut sql, query);
    sql.push(" LIMIT ")
        .push_bind(wanted)
        .push(" OFFSET ")
        .push_bind(offset)
        .push(") AS page JOIN saga_instance AS saga USING (saga_id)");
    let (column, direction, _) = order(query);
    sql.push(format_args!(
        " ORDER BY page.{column} {direction}, saga_id {direction}"
    ));
    let rows = sql.build().fetch_all(pool).await.map_err(error::store)?;
    decode_all(&rows)
}

/// Which sagas a part of a page is about. Each part is found in its order by an index, where the whole would have to be
/// sorted.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    saga_type: Option<&'a SagaType>,
    status: Option<SagaStatus>,
    length: Option<Length>,
}

/// The time from the first to the last event. Sagas of up to an hour are found in the order of their last change within
/// hardly more than the period in which they started; of others there are few, and they have an index of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Short,
    Long,
}

/// Of more types than these a page is not made of parts, since planning them would take longer than reading sagas of other types.
const MOST_TYPES: usize = 10;

/// In which statuses a saga awaits something.
const AWAITING: [SagaStatus; 3] = [SagaStatus::Started, SagaStatus::InProgress, SagaStatus::Failed];

fn parts(query: &SagaQuery) -> Vec<Part<'_>> {
    let is_by_length =
        query.sort.by == SortBy::UpdatedAt && (query.started_from.is_some() || query.started_to.is_some());
    let lengths: &[Option<Length>] = match is_by_length {
        true => &[Some(Length::Short), Some(Length::Long)],
        false => &[None],
    };
    let statuses: Vec<Option<SagaStatus>> = match (query.status, query.statuses()) {
        (None, None) if query.asks_for_awaited() => AWAITING.into_iter().map(Some).collect(),
        (None, Some(statuses)) => statuses.into_iter().map(Some).collect(),
        (None, None) if query.saga_type.is_some() || !query.scope.is_all() => {
            SagaStatus::ALL.into_iter().map(Some).collect()
        }
        (status, _) => vec![status],
    };
    let types: Vec<Option<&SagaType>> = match &query.scope {
        Scope::Types(types) if types.len() <= MOST_TYPES => types.iter().map(Some).collect(),
        Scope::All | Scope::Types(_) => vec![None],
    };
    let parts = types.into_iter().flat_map(|saga_type| {
        statuses
            .iter()
            .flat_map(move |status| lengths.iter().map(move |length| (saga_type, *status, *length)))
    });
    let part = |(saga_type, status, length)| Part {
        saga_type,
        status,
        length,
    };
    parts.map(part).collect()
}

fn push_part(
    sql: &mut QueryBuilder<Postgres>,
    query: &SagaQuery,
    prefilter: &StepPrefilter,
    sagas: Option<&[Candidate]>,
    part: Part<'_>,
    limit: i64,
) {
    const IS_LONG: &str = "updated_at - started_at > interval '1 hour'";
    let (column, _, _) = order(query);
    sql.push(format_args!("SELECT saga_id, {column} FROM "));
    push_sagas(sql, prefilter.layout, sagas);
    match part.length {
        None => {}
        Some(Length::Short) => _ = sql.push(format_args!(" AND NOT ({IS_LONG})")),
        Some(Length::Long) => _ = sql.push(format_args!(" AND {IS_LONG}")),
    }
    if let Some(saga_type) = part.saga_type {
        sql.push(" AND saga_type = ")
            .push_bind(saga_type.as_str().to_owned());
    }
    if let Some(status) = part.status {
        sql.push(" AND current_status = ").push_bind(status.as_str());
    }
    if query.asks_for_awaited() && part.status == Some(SagaStatus::Failed) {
        // Most failed sagas owe nothing; those that do have an index.
        sql.push(" AND owed_since IS NOT NULL");
    }
    if let (Some(_), Some(from)) = (part.length, query.started_from) {
        sql.push(" AND updated_at >= ").push_bind(Moment(from));
    }
    if let (Some(Length::Short), Some(to)) = (part.length, query.started_to) {
        sql.push(" AND updated_at <= ")
            .push_bind(Moment(to))
            .push(" + interval '1 hour'");
    }
    push_filters(sql, query, prefilter);
    push_cursor(sql, query);
    push_order(sql, query);
    sql.push(" LIMIT ").push_bind(limit);
}
