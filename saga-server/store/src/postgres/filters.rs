//! The filters of a search on sagas and their steps, which pages and totals share.

use sqlx::{Postgres, QueryBuilder};

use super::{
    conditions,
    step_prefilter::{Candidate, Condition, StepPrefilter},
};
use crate::{SagaQuery, layout::Layout};

/// Begins a filter on the steps.
const SOME_STEP: &str = "EXISTS (SELECT 1 FROM saga_steps AS step WHERE step.saga_id = saga.saga_id AND ";

pub(super) fn push_filters(sql: &mut QueryBuilder<Postgres>, query: &SagaQuery, prefilter: &StepPrefilter) {
    conditions::push_filters(sql, query);
    for condition in &prefilter.conditions {
        sql.push(" AND ").push(SOME_STEP);
        condition.push(sql);
        sql.push(")");
    }
}

/// Whether a saga has steps that meet the conditions, as a value. Each is one look at an index, which `OFFSET 0` keeps the
/// planner from replacing by a read of all steps that meet the condition.
pub(super) fn push_has_steps(sql: &mut QueryBuilder<Postgres>, conditions: &[Condition]) {
    sql.push("true");
    for condition in conditions {
        sql.push(" AND ").push(SOME_STEP);
        condition.push(sql);
        sql.push(" OFFSET 0)");
    }
}

/// The sagas that are read: all, or the candidates, which are fetched by their ids whatever the order is. Further conditions follow.
pub(super) fn push_sagas(sql: &mut QueryBuilder<Postgres>, layout: Layout, sagas: Option<&[Candidate]>) {
    let ids =
        |sagas: &[Candidate]| -> Vec<String> { sagas.iter().map(|found| found.saga_id.clone()).collect() };
    match (sagas, layout) {
        (None, _) => sql.push("saga_instance AS saga WHERE true"),
        // One look at the key for each, which `OFFSET 0` keeps the planner from rewriting.
        (Some(sagas), Layout::Single) => sql
            .push("UNNEST(")
            .push_bind(ids(sagas))
            .push("::text[]) AS candidate (id) CROSS JOIN LATERAL ")
            .push("(SELECT * FROM saga_instance WHERE saga_id = candidate.id OFFSET 0) AS saga WHERE true"),
        // Citus joins no function laterally. Each worker looks at its part of them.
        (Some(sagas), Layout::Distributed) => sql
            .push("saga_instance AS saga WHERE saga.saga_id = ANY(")
            .push_bind(ids(sagas))
            .push(")"),
    };
}
