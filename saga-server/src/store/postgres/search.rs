//! Pages of sagas.
//!
//! Rule of thumb: the statement holds only the filters that are set, so that each combination gets a plan of its own.

use std::collections::BTreeMap;

use saga_types::{SagaStatus, Timestamp, definition::Definitions};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{
    error,
    held::Held,
    narrow::{self, Condition, Narrowed, PATIENCE},
    read,
};
use crate::store::{
    Page, PageStart, SagaQuery, SortBy, SortOrder, StoreError, Total, query::statuses, unattended,
};

/// What holds for a moment.
#[derive(Debug, Default)]
pub(super) struct Lately {
    /// Totals that are not exact: counting so many takes long, and they are hardly fewer when the next page is asked for.
    totals: Held<Total>,
    /// Conditions that many steps match.
    common: Held<()>,
}

pub(super) async fn search(
    pool: &PgPool,
    definitions: &Definitions,
    lately: &Lately,
    query: &SagaQuery,
) -> Result<Page, StoreError> {
    if asks_for_nul(query) {
        return Ok(Page {
            sagas: Vec::new(),
            total: Total::capped(0),
            has_more: false,
        });
    }
    let narrowed = narrow::narrow(pool, &lately.common, query).await?;
    let mut folds = page(pool, query, &narrowed).await?;
    let has_more = folds.len() > query.size as usize;
    folds.truncate(query.size as usize);
    Ok(Page {
        sagas: read::states(pool, definitions, folds).await?,
        total: known_total(pool, &lately.totals, query, &narrowed).await?,
        has_more,
    })
}

/// PostgreSQL takes no U+0000, and so no saga has one either.
fn asks_for_nul(query: &SagaQuery) -> bool {
    let texts = [
        &query.order_id,
        &query.step,
        &query.producer_service,
        &query.trace_id,
        &query.failed_step,
        &query.failure_reason,
    ];
    let mut texts = texts
        .into_iter()
        .flatten()
        .chain(query.metadata.iter().flat_map(|(key, value)| [key, value]));
    texts.any(|text| text.contains('\0'))
}

/// One more than the page has.
async fn page(
    pool: &PgPool,
    query: &SagaQuery,
    narrowed: &Narrowed,
) -> Result<Vec<(String, String)>, StoreError> {
    // The folds are long, and are read of those sagas only that are on the page.
    let mut sql = QueryBuilder::new("SELECT saga_id, saga.fold FROM (SELECT * FROM (");
    let offset = match query.start {
        PageStart::Offset(offset) => i64::try_from(offset).unwrap_or(i64::MAX),
        PageStart::After { .. } => 0,
    };
    let wanted = i64::from(query.size) + 1;
    for (place, part) in parts(query).into_iter().enumerate() {
        sql.push(if place == 0 { "(" } else { " UNION ALL (" });
        push_part(&mut sql, query, narrowed, part, wanted.saturating_add(offset));
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
    sql.build_query_as().fetch_all(pool).await.map_err(error::store)
}

/// Which sagas a part of a page is about. Each part is found in its order by an index, where the whole would have to be
/// sorted.
#[derive(Debug, Clone, Copy)]
struct Part {
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

fn parts(query: &SagaQuery) -> Vec<Part> {
    let is_by_length =
        query.sort.by == SortBy::UpdatedAt && (query.started_from.is_some() || query.started_to.is_some());
    let lengths: &[Option<Length>] = match is_by_length {
        true => &[Some(Length::Short), Some(Length::Long)],
        false => &[None],
    };
    let statuses: Vec<Option<SagaStatus>> = match (query.status, query.ended) {
        (None, Some(ended)) => statuses(ended).map(Some).collect(),
        (None, None) if query.saga_type.is_some() => SagaStatus::ALL.into_iter().map(Some).collect(),
        (status, _) => vec![status],
    };
    let parts = statuses
        .iter()
        .flat_map(|status| lengths.iter().map(|length| (*status, *length)));
    parts.map(|(status, length)| Part { status, length }).collect()
}

fn push_part(
    sql: &mut QueryBuilder<Postgres>,
    query: &SagaQuery,
    narrowed: &Narrowed,
    part: Part,
    limit: i64,
) {
    const IS_LONG: &str = "updated_at - started_at > interval '1 hour'";
    let (column, _, _) = order(query);
    sql.push(format_args!("SELECT saga_id, {column} FROM "));
    push_sagas(sql, narrowed);
    sql.push(" WHERE ");
    match part.length {
        None => sql.push("true"),
        Some(Length::Short) => sql.push(format_args!("NOT ({IS_LONG})")),
        Some(Length::Long) => sql.push(IS_LONG),
    };
    if let Some(status) = part.status {
        sql.push(" AND current_status = ").push_bind(status.as_str());
    }
    if let (Some(_), Some(from)) = (part.length, query.started_from) {
        sql.push(" AND updated_at >= ").push_bind(from.to_datetime());
    }
    if let (Some(Length::Short), Some(to)) = (part.length, query.started_to) {
        sql.push(" AND updated_at <= ")
            .push_bind(to.to_datetime())
            .push(" + interval '1 hour'");
    }
    push_filters(sql, query, narrowed);
    push_cursor(sql, query);
    push_order(sql, query);
    sql.push(" LIMIT ").push_bind(limit);
}

/// The column sorted by, the direction, and what comes after a place.
fn order(query: &SagaQuery) -> (&'static str, &'static str, char) {
    let column = match query.sort.by {
        SortBy::StartedAt => "started_at",
        SortBy::UpdatedAt => "updated_at",
        SortBy::Due(late) => late.column(),
    };
    match query.sort.order {
        SortOrder::Ascending => (column, "ASC", '>'),
        SortOrder::Descending => (column, "DESC", '<'),
    }
}

fn push_cursor(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery) {
    let (column, _, beyond) = order(query);
    if let PageStart::After { value, saga_id } = &query.start {
        sql.push(format_args!(" AND ({column}, saga_id) {beyond} ("))
            .push_bind(value.to_datetime())
            .push(", ")
            .push_bind(saga_id.as_str())
            .push(")");
    }
}

fn push_order(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery) {
    let (column, direction, _) = order(query);
    sql.push(format_args!(
        " ORDER BY {column} {direction}, saga_id {direction}"
    ));
}

async fn known_total(
    pool: &PgPool,
    known: &Held<Total>,
    query: &SagaQuery,
    narrowed: &Narrowed,
) -> Result<Total, StoreError> {
    if let Some(sagas) = &narrowed.sagas
        && narrowed.conditions.is_empty()
        && !asks_beyond_steps(query)
    {
        return Ok(Total::capped(sagas.len() as u64));
    }
    let filters = format!("{:?}", filters(query));
    if let Some(total) = known.get(&filters) {
        return Ok(total);
    }
    let total = total(pool, query, narrowed).await?;
    if !total.is_exact {
        known.hold(filters, total);
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

async fn total(pool: &PgPool, query: &SagaQuery, narrowed: &Narrowed) -> Result<Total, StoreError> {
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
    unattended(async move {
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
        push_sagas(&mut sql, narrowed);
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

/// Begins a filter on the steps.
const SOME_STEP: &str = " AND EXISTS (SELECT FROM saga_steps AS step WHERE step.saga_id = saga.saga_id AND ";

fn push_filters(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery, narrowed: &Narrowed) {
    push_instance_filters(sql, query);
    for condition in &narrowed.conditions {
        sql.push(SOME_STEP);
        condition.push(sql);
        sql.push(")");
    }
}

/// The sagas that are looked at: all, or the few that were found, which are fetched by their ids whatever the order is.
fn push_sagas(sql: &mut QueryBuilder<Postgres>, narrowed: &Narrowed) {
    match &narrowed.sagas {
        None => sql.push("saga_instance AS saga"),
        // One look at the key for each, which `OFFSET 0` keeps the planner from turning into something else.
        Some(sagas) => sql
            .push("UNNEST(")
            .push_bind(sagas.clone())
            .push("::text[]) AS few (id) CROSS JOIN LATERAL ")
            .push("(SELECT * FROM saga_instance WHERE saga_id = few.id OFFSET 0) AS saga"),
    };
}

fn push_instance_filters(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery) {
    if let Some(order_id) = &query.order_id {
        sql.push(" AND saga_id IN (SELECT saga_id FROM saga_instance WHERE order_id = ")
            .push_bind(order_id)
            .push(" UNION ALL SELECT saga_id FROM saga_other_order WHERE order_id = ")
            .push_bind(order_id)
            .push(")");
    }
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ").push_bind(saga_type.as_str());
    }
    if let Some(status) = query.status {
        sql.push(" AND current_status = ").push_bind(status.as_str());
    }
    if let Some(ended) = query.ended {
        push_statuses(sql, statuses(ended));
    }
    if let Some(from) = query.started_from {
        sql.push(" AND started_at >= ").push_bind(from.to_datetime());
    }
    if let Some(to) = query.started_to {
        sql.push(" AND started_at <= ").push_bind(to.to_datetime());
    }
    if let Some(step) = &query.failed_step {
        sql.push(" AND failed_step = ").push_bind(step);
    }
    if let Some(reason) = &query.failure_reason {
        sql.push(" AND left(failure_reason, 200) = left(")
            .push_bind(reason)
            .push(", 200) AND failure_reason = ")
            .push_bind(reason);
    }
    if let Some(anomaly) = query.anomaly {
        sql.push(" AND anomalies <> '{}' AND anomalies @> ARRAY[")
            .push_bind(anomaly.as_str())
            .push("]");
    }
    match query.stuck {
        Some((true, moment)) => {
            sql.push(" AND awaited_deadline < ")
                .push_bind(moment.to_datetime());
        }
        Some((false, moment)) => {
            sql.push(" AND (awaited_deadline IS NULL OR awaited_deadline >= ")
                .push_bind(moment.to_datetime())
                .push(")");
        }
        None => {}
    }
    match query.owing {
        Some(true) => sql.push(" AND owed_since IS NOT NULL"),
        Some(false) => sql.push(" AND owed_since IS NULL"),
        None => sql,
    };
    if let SortBy::Due(late) = query.sort.by {
        sql.push(format_args!(" AND {} IS NOT NULL", late.column()));
    }
}

fn push_statuses(sql: &mut QueryBuilder<Postgres>, statuses: impl Iterator<Item = SagaStatus>) {
    sql.push(" AND current_status IN (");
    let mut list = sql.separated(", ");
    for status in statuses {
        list.push_bind(status.as_str());
    }
    sql.push(")");
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
