//! The filters of a search as conditions of a statement, which pages and totals share.

use saga_types::SagaStatus;
use sqlx::{Postgres, QueryBuilder};

use super::step_prefilter::{Candidate, StepPrefilter};
use crate::{SagaQuery, SortBy, query::statuses};

/// Begins a filter on the steps.
const SOME_STEP: &str = " AND EXISTS (SELECT FROM saga_steps AS step WHERE step.saga_id = saga.saga_id AND ";

pub(super) fn push_filters(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery, prefilter: &StepPrefilter) {
    push_instance_filters(sql, query);
    for condition in &prefilter.conditions {
        sql.push(SOME_STEP);
        condition.push(sql);
        sql.push(")");
    }
}

/// The sagas that are read: all, or the candidates, which are fetched by their ids whatever the order is.
pub(super) fn push_sagas(sql: &mut QueryBuilder<Postgres>, sagas: Option<&[Candidate]>) {
    match sagas {
        None => sql.push("saga_instance AS saga"),
        // One look at the key for each, which `OFFSET 0` keeps the planner from turning into something else.
        Some(sagas) => sql
            .push("UNNEST(")
            .push_bind(
                sagas
                    .iter()
                    .map(|found| found.saga_id.clone())
                    .collect::<Vec<_>>(),
            )
            .push("::text[]) AS candidate (id) CROSS JOIN LATERAL ")
            .push("(SELECT * FROM saga_instance WHERE saga_id = candidate.id OFFSET 0) AS saga"),
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

pub(super) fn push_statuses(sql: &mut QueryBuilder<Postgres>, statuses: impl Iterator<Item = SagaStatus>) {
    sql.push(" AND current_status IN (");
    let mut list = sql.separated(", ");
    for status in statuses {
        list.push_bind(status.as_str());
    }
    sql.push(")");
}
