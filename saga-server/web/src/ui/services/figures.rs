//! What a service did within a period, beside the period that it is compared with: how long sagas waited for its steps, and
//! which of them failed.

use saga_store::{Flow, Outcome, StepRow};
use saga_types::SagaType;

use super::versions::{Versions, versions};
use crate::{
    http::ApiError,
    scoped::Reader,
    ui::{
        change::{Change, Compared},
        humanize::{length, number, percent, precise_count},
        period::Period,
        query::address,
        waits::{flows, most_frequent, p95},
    },
};

/// About how many sagas of each type are read: of so many a share is at most two points off, in 95 of 100 samples.
const MOST: u32 = 2_500;

/// The types of which its steps are looked for, the most frequent.
const TYPES: usize = 12;

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
pub(super) async fn figures(
    reader: &Reader,
    service: &str,
    period: &Period,
) -> Result<(Vec<StepFigures>, Vec<Versions>), ApiError> {
    let trends = reader.trends(&period.span()).await?;
    let (mut rows, mut versions) = (Vec::new(), Vec::new());
    for saga_type in most_frequent(&trends.by_type, TYPES) {
        let (flow, before) = flows(reader, &saga_type, period, MOST).await?;
        let of_service = flow
            .steps
            .iter()
            .filter(|row| row.service.as_deref() == Some(service));
        rows.extend(of_service.map(|row| StepFigures::of(&saga_type, row, &flow, before.as_ref(), period)));
        versions.extend(self::versions(reader, service, &saga_type, &flow, period, MOST).await?);
    }
    Ok((rows, versions))
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
            sagas: number(row.sagas),
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
