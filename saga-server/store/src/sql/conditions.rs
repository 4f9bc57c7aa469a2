//! What a search asks of the rows of sagas, and their order, which pages and totals share.

use saga_types::SagaStatus;
use sqlx::QueryBuilder;

use super::{Db, acknowledged::push_acknowledged_sagas, dialect, scope::push_scope};
use crate::{PageStart, SagaQuery, SortBy, SortOrder, SortValue, columns::Moment, query::statuses};

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
    if let Some(ended) = query.ended {
        push_statuses(sql, statuses(ended));
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

pub(super) fn push_statuses(sql: &mut QueryBuilder<Db>, statuses: impl Iterator<Item = SagaStatus>) {
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
