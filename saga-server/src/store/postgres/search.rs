//! Pages of sagas.
//!
//! Rule of thumb: the statement holds only the filters that are set, so that each combination gets a plan of its own.

use saga_types::{definition::Definitions, keys};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{error, read};
use crate::store::{Page, PageStart, SagaQuery, SortBy, SortOrder, StoreError, Total, metadata};

pub(super) async fn search(
    pool: &PgPool,
    definitions: &Definitions,
    query: &SagaQuery,
) -> Result<Page, StoreError> {
    if asks_for_nul(query) {
        return Ok(Page {
            sagas: Vec::new(),
            total: Total::capped(0),
            has_more: false,
        });
    }
    let mut folds = page(pool, query).await?;
    let has_more = folds.len() > query.size as usize;
    folds.truncate(query.size as usize);
    Ok(Page {
        sagas: read::states(pool, definitions, folds).await?,
        total: total(pool, query).await?,
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
        &query.failure_reason,
    ];
    let mut texts = texts
        .into_iter()
        .flatten()
        .chain(query.metadata.iter().flat_map(|(key, value)| [key, value]));
    texts.any(|text| text.contains('\0'))
}

/// One more than the page has.
async fn page(pool: &PgPool, query: &SagaQuery) -> Result<Vec<(String, String)>, StoreError> {
    let column = match query.sort.by {
        SortBy::StartedAt => "started_at",
        SortBy::UpdatedAt => "updated_at",
    };
    let (direction, beyond) = match query.sort.order {
        SortOrder::Ascending => ("ASC", ">"),
        SortOrder::Descending => ("DESC", "<"),
    };
    let mut sql = QueryBuilder::new("SELECT saga_id, fold FROM saga_instance AS saga WHERE true");
    push_filters(&mut sql, query);
    if let PageStart::After { value, saga_id } = &query.start {
        sql.push(format_args!(" AND ({column}, saga_id) {beyond} ("))
            .push_bind(value.to_datetime())
            .push(", ")
            .push_bind(saga_id.as_str())
            .push(")");
    }
    sql.push(format_args!(
        " ORDER BY {column} {direction}, saga_id {direction} LIMIT "
    ))
    .push_bind(i64::from(query.size) + 1);
    if let PageStart::Offset(offset) = query.start {
        sql.push(" OFFSET ")
            .push_bind(i64::try_from(offset).unwrap_or(i64::MAX));
    }
    sql.build_query_as().fetch_all(pool).await.map_err(error::store)
}

async fn total(pool: &PgPool, query: &SagaQuery) -> Result<Total, StoreError> {
    let mut sql = QueryBuilder::new("SELECT count(*) FROM (SELECT FROM saga_instance AS saga WHERE true");
    push_filters(&mut sql, query);
    sql.push(format_args!(" LIMIT {}) AS found", Total::CAP + 1));
    let count: i64 = sql
        .build_query_scalar()
        .fetch_one(pool)
        .await
        .map_err(error::store)?;
    Ok(Total::capped(count.cast_unsigned()))
}

/// Begins a filter on the steps.
const SOME_STEP: &str = " AND EXISTS (SELECT FROM saga_steps AS step WHERE step.saga_id = saga.saga_id AND ";

fn push_filters(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery) {
    push_instance_filters(sql, query);
    push_step_filters(sql, query);
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
    if let Some(from) = query.started_from {
        sql.push(" AND started_at >= ").push_bind(from.to_datetime());
    }
    if let Some(to) = query.started_to {
        sql.push(" AND started_at <= ").push_bind(to.to_datetime());
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
}

fn push_step_filters(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery) {
    if let Some(step) = &query.step {
        sql.push(SOME_STEP).push("step.step = ").push_bind(step).push(")");
    }
    // Both columns come from the metadata, so that its index serves them too.
    let texts = [
        (keys::PRODUCER_SERVICE, &query.producer_service),
        (keys::TRACE_ID, &query.trace_id),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            push_containing(sql, vec![metadata::text_object(key, value)]);
        }
    }
    for (key, value) in &query.metadata {
        push_containing(sql, metadata::objects_saying(key, value));
    }
}

/// Some step's metadata contains one of these objects.
fn push_containing(sql: &mut QueryBuilder<Postgres>, objects: Vec<String>) {
    sql.push(SOME_STEP).push("(");
    for (index, object) in objects.into_iter().enumerate() {
        sql.push(if index == 0 { "" } else { " OR " })
            .push("step.metadata @> ")
            .push_bind(object)
            .push("::jsonb");
    }
    sql.push("))");
}
