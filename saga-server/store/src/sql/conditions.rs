//! What a search asks of the rows of sagas, and their order, which pages and totals share.

use saga_types::{SagaStatus, Timestamp};
use sqlx::QueryBuilder;

use super::{Db, acknowledged::push_acknowledged_sagas, dialect, scope::push_scope};
use crate::{Corrupt, PageStart, SagaQuery, SortBy, SortOrder, SortValue, StoreError, columns::Moment};

pub(super) fn push_filters(sql: &mut QueryBuilder<Db>, query: &SagaQuery) {
    if let Some(order_id) = &query.order_id {
        sql.push(" AND saga_id IN (SELECT saga_id FROM saga_instance WHERE order_id = ")
            .push_bind(order_id)
            .push(" UNION ALL SELECT saga_id FROM saga_other_order WHERE order_id = ")
            .push_bind(order_id)
            .push(")");
    }
    if let Some(parent) = &query.parent_saga_id {
        sql.push(" AND parent_saga_id = ").push_bind(parent);
    }
    if query.asks_for_awaited() {
        // Others await nothing; those under way and those that owe something are found by indexes.
        sql.push(
            " AND (current_status IN ('STARTED', 'IN_PROGRESS') OR current_status = 'FAILED' AND owed_since IS NOT NULL)",
        );
    }
    if query.owes.is_some() {
        sql.push(" AND owed_since IS NOT NULL");
    }
    let lists = [
        ("awaited_steps", &query.awaits),
        ("awaited_services", &query.owner),
        ("outstanding", &query.owes),
    ];
    for (column, value) in lists {
        if let Some(value) = value {
            dialect::push_contains(sql, column, value);
        }
    }
    push_scope(sql, "saga_type", &query.scope);
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ").push_bind(saga_type.as_str());
    }
    if let Some(status) = query.status {
        sql.push(" AND current_status = ").push_bind(status.as_str());
    }
    if let Some(statuses) = query.statuses() {
        push_statuses(sql, statuses.into_iter());
    }
    if let Some(from) = query.started_from {
        sql.push(" AND started_at >= ").push_bind(Moment(from));
    }
    if let Some(to) = query.started_to {
        sql.push(" AND started_at <= ").push_bind(Moment(to));
    }
    if let Some(millis) = query.min_duration_ms {
        sql.push(" AND duration_ms >= ").push_bind(millis);
    }
    if let Some(millis) = query.max_duration_ms {
        sql.push(" AND duration_ms <= ").push_bind(millis);
    }
    if let Some(step) = &query.failed_step {
        sql.push(" AND failed_step = ").push_bind(step);
    }
    if let Some(reason) = &query.failure_reason {
        dialect::push_failure_reason(sql, reason);
    }
    if let Some(group) = &query.failure_group {
        sql.push(" AND failure_group = ").push_bind(group);
    }
    if let Some(anomaly) = query.anomaly {
        dialect::push_anomaly(sql, anomaly);
    }
    match query.stuck {
        Some((true, moment)) => {
            sql.push(" AND awaited_deadline < ").push_bind(Moment(moment));
        }
        Some((false, moment)) => {
            sql.push(" AND (awaited_deadline IS NULL OR awaited_deadline >= ")
                .push_bind(Moment(moment))
                .push(")");
        }
        None => {}
    }
    match query.owing {
        Some(true) => sql.push(" AND owed_since IS NOT NULL"),
        Some(false) => sql.push(" AND owed_since IS NULL"),
        None => sql,
    };
    if let Some((is_acknowledged, judged)) = query.acknowledged {
        push_acknowledged_sagas(sql, is_acknowledged, judged);
    }
    match query.sort.by {
        SortBy::Due(late) => {
            sql.push(format_args!(" AND {} IS NOT NULL", late.column()));
        }
        SortBy::Duration => {
            sql.push(" AND duration_ms IS NOT NULL");
        }
        SortBy::StartedAt | SortBy::UpdatedAt => {}
    }
}

/// In one of these statuses; of none, in no saga.
pub(super) fn push_statuses(sql: &mut QueryBuilder<Db>, statuses: impl Iterator<Item = SagaStatus>) {
    let mut statuses = statuses.peekable();
    if statuses.peek().is_none() {
        sql.push(" AND false");
        return;
    }
    sql.push(" AND current_status IN (");
    let mut list = sql.separated(", ");
    for status in statuses {
        list.push_bind(status.as_str());
    }
    sql.push(")");
}

/// The column sorted by, the direction, and what comes after a place.
pub(super) fn order(query: &SagaQuery) -> (&'static str, &'static str, char) {
    let column = match query.sort.by {
        SortBy::StartedAt => "started_at",
        SortBy::UpdatedAt => "updated_at",
        SortBy::Due(late) => late.column(),
        SortBy::Duration => "duration_ms",
    };
    match query.sort.order {
        SortOrder::Ascending => (column, "ASC", '>'),
        SortOrder::Descending => (column, "DESC", '<'),
    }
}

/// What a list is sorted by, in milliseconds.
pub(super) fn place(query: &SagaQuery, table: &str) -> String {
    let (column, ..) = order(query);
    let column = format!("{table}.{column}");
    match query.sort.by {
        SortBy::Duration => column,
        _ => dialect::millis_of(&column),
    }
}

/// Where a list goes on behind the saga that has this place in it.
pub(super) fn after(query: &SagaQuery, place: i64, saga_id: &str) -> Result<PageStart, StoreError> {
    let moment = |millis| {
        let (column, ..) = order(query);
        Timestamp::from_millis(millis)
            .map_err(|error| Corrupt::new("saga_instance", column, saga_id.to_owned(), error))
    };
    Ok(PageStart::After {
        value: match query.sort.by {
            SortBy::Duration => SortValue::Millis(place),
            _ => SortValue::At(moment(place)?),
        },
        saga_id: saga_id.to_owned(),
    })
}

pub(super) fn push_cursor(sql: &mut QueryBuilder<Db>, query: &SagaQuery) {
    let (column, _, beyond) = order(query);
    if let PageStart::After { value, saga_id } = &query.start {
        sql.push(format_args!(" AND ({column}, saga_id) {beyond} ("));
        match value {
            SortValue::At(moment) => sql.push_bind(Moment(*moment)),
            SortValue::Millis(millis) => sql.push_bind(*millis),
        };
        sql.push(", ").push_bind(saga_id.as_str()).push(")");
    }
}

pub(super) fn push_order(sql: &mut QueryBuilder<Db>, query: &SagaQuery) {
    let (column, direction, _) = order(query);
    sql.push(format_args!(
        " ORDER BY {column} {direction}, saga_id {direction}"
    ));
}
