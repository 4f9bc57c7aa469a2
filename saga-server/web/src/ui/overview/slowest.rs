//! The steps that sagas of all types wait longest for.

use std::cmp::Reverse;

use saga_store::{Flow, StepRow, Trends};
use saga_types::SagaType;

use crate::{
    http::ApiError,
    scoped::Reader,
    ui::{
        change::Compared,
        humanize::length,
        period::Period,
        query::address,
        waits::{Flows, most_frequent, p95},
    },
};

/// The types that are looked at, the most frequent.
const TYPES: usize = 4;

/// About how many sagas of them are read: enough to find the slow ones; the flow of a type has more exact figures.
const MOST: u32 = 1_600;

/// How many steps are shown.
const SHOWN: usize = 8;

/// A step that sagas wait for.
pub(super) struct SlowStep {
    pub(super) step: String,
    pub(super) saga_type: String,
    pub(super) service: Option<String>,
    pub(super) median: String,
    pub(super) p95: Compared,
    /// Its panel in the flow of its type.
    pub(super) path: String,
    p95_ms: i64,
}

/// Those with the longest waits first.
pub(super) async fn slowest(
    reader: &Reader,
    trends: &Trends,
    period: &Period,
) -> Result<Vec<SlowStep>, ApiError> {
    let by_type = trends.by_type.iter();
    let by_type = by_type.map(|(saga_type, statistics)| (saga_type, statistics.total));
    let types = most_frequent(by_type, TYPES);
    let flows = Flows::of(reader, &types, None, period, MOST).await?;
    let mut steps: Vec<SlowStep> = types
        .iter()
        .filter_map(|saga_type| Some((saga_type, flows.get(saga_type)?)))
        .flat_map(|(saga_type, (flow, before))| of_type(saga_type, flow, before, period))
        .collect();
    steps.sort_by_key(|step| Reverse(step.p95_ms));
    steps.truncate(SHOWN);
    Ok(steps)
}

fn of_type<'a>(
    saga_type: &'a SagaType,
    flow: &'a Flow,
    before: Option<&'a Flow>,
    period: &'a Period,
) -> impl Iterator<Item = SlowStep> + 'a {
    let step = move |row: &'a StepRow| {
        let wait = row.wait?;
        let mut parameters = period.parameters();
        parameters.push(("type".to_owned(), saga_type.to_string()));
        parameters.push(("step".to_owned(), row.step.to_string()));
        Some(SlowStep {
            step: row.step.to_string(),
            saga_type: saga_type.to_string(),
            service: row.service.clone(),
            median: length(wait.p50_ms),
            p95: p95(row, before.and_then(|before| before.step(&row.step))),
            path: format!("{}#step", address("/flow", &parameters)),
            p95_ms: wait.p95_ms,
        })
    };
    flow.steps.iter().filter_map(step)
}
