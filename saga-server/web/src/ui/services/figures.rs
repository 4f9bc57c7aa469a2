//! What a service did within a period, beside the period that it is compared with: how long sagas waited for its steps, and
//! which of them failed.

use saga_store::{Flow, Outcome, Sample, StatisticsQuery, StepRow};
use saga_types::SagaType;

use super::versions::Versions;
use crate::{
    http::ApiError,
    scoped::Reader,
    ui::{
        change::{Change, Compared},
        humanize::{length, number, percent, precise_count},
        period::Period,
        query::address,
        waits::{Flows, estimated, most_frequent, p95},
    },
};

/// About how many sagas are read of a period, of all types together; the flow of a type has more exact figures.
const MOST: u32 = 1_200;

/// The types in which its steps are looked for, the most frequent.
const TYPES: usize = 40;

/// What a service did within a period.
pub(super) struct Figures {
    pub(super) steps: Vec<StepFigures>,
    pub(super) versions: Vec<Versions>,
    /// Of how many sagas that is, when not all were read.
    pub(super) estimated: Option<String>,
}

/// A step that the service recorded.
pub(super) struct StepFigures {
    pub(super) saga_type: String,
    pub(super) step: String,
    pub(super) is_failing: bool,
    /// The panel of the step in the flow of its type.
    pub(super) path: String,
    pub(super) sagas: String,
    pub(super) share: Compared,
    pub(super) median: String,
    pub(super) p95: Compared,
    pub(super) retried: Option<String>,
}

/// What the service recorded within the period, type by type in the order of their steps, and its versions in each type.
pub(super) async fn figures(reader: &Reader, service: &str, period: &Period) -> Result<Figures, ApiError> {
    let started = StatisticsQuery {
        from: Some(period.from),
        to: Some(period.to),
        ..StatisticsQuery::default()
    };
    let counted = reader.statistics(&started).await?;
    let by_type = counted.by_type.iter();
    let types = most_frequent(by_type.map(|(saga_type, sagas)| (saga_type, *sagas)), TYPES);
    let flows = Flows::of(reader, &types, Some(service), period, MOST).await?;
    let mut figures = Figures {
        steps: Vec::new(),
        versions: Vec::new(),
        estimated: None,
    };
    let mut sample = Sample::default();
    for saga_type in &types {
        let Some((flow, before)) = flows.get(saga_type).filter(|(flow, _)| !flow.steps.is_empty()) else {
            continue;
        };
        sample.sagas += flow.sample.sagas;
        sample.of += flow.sample.of;
        let steps = flow.steps.iter();
        figures
            .steps
            .extend(steps.map(|row| StepFigures::of(saga_type, row, flow, before, period)));
        figures.versions.extend(Versions::of(saga_type, flow));
    }
    let estimated = format!("{} of {}", number(sample.sagas), number(sample.of));
    figures.estimated = (!sample.is_all()).then_some(estimated);
    Ok(figures)
}

impl StepFigures {
    fn of(saga_type: &SagaType, row: &StepRow, flow: &Flow, before: Option<&Flow>, period: &Period) -> Self {
        let mut parameters = period.parameters();
        parameters.push(("type".to_owned(), saga_type.to_string()));
        parameters.push(("step".to_owned(), row.step.to_string()));
        let is_failing = row.outcome == Outcome::Fails;
        let share = |flow: &Flow, sagas: u64| (sagas, flow.sample.sagas);
        let now = share(flow, row.sagas);
        let earlier = before.map(|before| {
            let sagas = before.step(&row.step).map_or(0, |row| row.sagas);
            share(before, sagas)
        });
        let ratio = |(part, whole): (u64, u64)| percent(precise_count(part) / precise_count(whole.max(1)));
        Self {
            saga_type: saga_type.to_string(),
            step: row.step.to_string(),
            is_failing,
            path: format!("{}#step", address("/flow", &parameters)),
            sagas: estimated(row.sagas, &flow.sample),
            share: Compared {
                now: ratio(now),
                before: earlier.map(ratio),
                // Of a step that continues, more is not worse.
                change: match earlier {
                    Some(earlier) if is_failing => Change::of_shares(now, earlier),
                    _ => Change::Unclear,
                },
            },
            median: row
                .wait
                .map_or_else(|| "–".to_owned(), |wait| length(wait.p50_ms)),
            p95: p95(row, before.and_then(|before| before.step(&row.step))),
            retried: (row.retried > 0).then(|| percent(flow.share(row.retried))),
        }
    }
}
