//! Pages of sagas.
//!
//! Rule of thumb: the statement holds only the filters that are set, so that each combination gets a plan of its own.

use saga_types::definition::Definitions;
use serde_json::Value;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::{error, read};
use crate::{Page, PageStart, SagaQuery, SortBy, SortOrder, StoreError, Total, metadata, query::statuses};

pub(super) async fn search(
    pool: &SqlitePool,
    definitions: &Definitions,
    query: &SagaQuery,
) -> Result<Page, StoreError> {
    let mut folds = page(pool, query).await?;
    let has_more = folds.len() > query.size as usize;
    folds.truncate(query.size as usize);
    Ok(Page {
        sagas: read::states(pool, definitions, folds).await?,
        total: total(pool, query).await?,
        has_more,
    })
}

/// One more than the page has.
async fn page(pool: &SqlitePool, query: &SagaQuery) -> Result<Vec<(String, String)>, StoreError> {
    let column = match query.sort.by {
        SortBy::StartedAt => "started_at",
        SortBy::UpdatedAt => "updated_at",
        SortBy::Due(late) => late.column(),
    };
    let (direction, beyond) = match query.sort.order {
        SortOrder::Ascending => ("ASC", ">"),
        SortOrder::Descending => ("DESC", "<"),
    };
    let mut sql = QueryBuilder::new("SELECT saga_id, fold FROM saga_instance AS saga WHERE true");
    push_filters(&mut sql, query);
    if let PageStart::After { value, saga_id } = &query.start {
        sql.push(format_args!(" AND ({column}, saga_id) {beyond} ("))
            .push_bind(value.as_millis())
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
    push_instance_filters(sql, query);
    push_step_filters(sql, query);
}

fn push_instance_filters(sql: &mut QueryBuilder<Sqlite>, query: &SagaQuery) {
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
        sql.push(" AND current_status IN (");
        let mut list = sql.separated(", ");
        for status in statuses(ended) {
            list.push_bind(status.as_str());
        }
        sql.push(")");
    }
    if let Some(from) = query.started_from {
        sql.push(" AND started_at >= ").push_bind(from.as_millis());
    }
    if let Some(to) = query.started_to {
        sql.push(" AND started_at <= ").push_bind(to.as_millis());
    }
    if let Some(step) = &query.failed_step {
        sql.push(" AND failed_step = ").push_bind(step);
    }
    if let Some(reason) = &query.failure_reason {
        sql.push(" AND failure_reason = ").push_bind(reason);
    }
    if let Some(anomaly) = query.anomaly {
        sql.push(" AND EXISTS (SELECT 1 FROM json_each(anomalies) WHERE value = ")
            .push_bind(anomaly.as_str())
            .push(")");
    }
    match query.stuck {
        Some((true, moment)) => {
            sql.push(" AND awaited_deadline < ").push_bind(moment.as_millis());
        }
        Some((false, moment)) => {
            sql.push(" AND (awaited_deadline IS NULL OR awaited_deadline >= ")
                .push_bind(moment.as_millis())
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
        sql.push(SOME_STEP)
            .push("EXISTS (SELECT 1 FROM json_each(step.metadata) AS entry WHERE entry.key = ")
            .push_bind(key);
        push_value(sql, value);
        sql.push("))");
    }
}

/// The value is a text, or a number or boolean written like this.
fn push_value(sql: &mut QueryBuilder<Sqlite>, value: &str) {
    sql.push(" AND (entry.type = 'text' AND entry.value = ")
        .push_bind(value);
    match metadata::scalar(value) {
        Some(Value::Bool(_)) => {
            sql.push(" OR entry.type = ").push_bind(value);
        }
        Some(Value::Number(number)) => {
            sql.push(" OR entry.type IN ('integer', 'real') AND entry.value = ");
            match number.as_i64() {
                Some(whole) => sql.push_bind(whole),
                None => sql.push_bind(number.as_f64()),
            };
        }
        _ => {}
    }
    sql.push(")");
}
