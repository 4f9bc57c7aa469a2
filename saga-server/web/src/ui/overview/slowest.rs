//! The steps that sagas of all types wait longest for.

use std::cmp::Reverse;

use saga_store::{Flow, StepRow, Trends};
use saga_types::SagaType;

use crate::{
    http::{ApiError, query_string::Params},
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
pub(super) const SHOWN: usize = 8;

/// What the steps are sorted by, the greatest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum By {
    #[default]
    P95,
    Median,
    /// By how many times p95 is longer than before.
    Change,
}

impl By {
    const ALL: [(Self, &str, &str); 3] = [
        (Self::Median, "median", "Wait, median"),
        (Self::P95, "p95", "Wait, p95"),
        (Self::Change, "change", "Change of p95"),
    ];

    /// The parameter that says it.
    const NAME: &str = "slowest";

    /// As the address asks for; none when it does not.
    pub(super) fn take(params: &mut Params) -> Option<Self> {
        params.parsed(Self::NAME, |text| {
            let found = Self::ALL.into_iter().find(|(_, name, _)| *name == text);
            found
                .map(|(by, ..)| by)
                .ok_or_else(|| "must be median, p95 or change".to_owned())
        })
    }

    /// The columns that can be sorted by: name, address, and whether it is sorted so.
    pub(super) fn columns(self, given: &[(String, String)]) -> Vec<(&'static str, String, bool)> {
        let column = |(by, name, words): (Self, &str, &'static str)| {
            let others = given.iter().filter(|(other, _)| other != Self::NAME);
            let asked = (Self::NAME.to_owned(), name.to_owned());
            let all: Vec<_> = others.cloned().chain([asked]).collect();
            (words, format!("{}#slowest", address("/", &all)), by == self)
        };
        Self::ALL.map(column).into()
    }
}

/// A step that sagas wait for.
pub(super) struct SlowStep {
    pub(super) step: String,
    pub(super) saga_type: String,
    pub(super) service: Option<String>,
    pub(super) median: String,
    pub(super) p95: Compared,
    /// By how many times p95 is longer than before.
    pub(super) change: Option<String>,
    /// Its panel in the flow of its type.
    pub(super) path: String,
    median_ms: i64,
    p95_ms: i64,
    /// The same in thousandths.
    times: Option<i64>,
}

impl SlowStep {
    fn value(&self, by: By) -> i64 {
        match by {
            By::P95 => self.p95_ms,
            By::Median => self.median_ms,
            By::Change => self.times.unwrap_or(0),
        }
    }
}

/// The first ones when they are sorted so.
pub(super) fn first_by(mut steps: Vec<SlowStep>, by: By) -> Vec<SlowStep> {
    steps.sort_by_key(|step| Reverse((step.value(by), step.p95_ms)));
    steps.truncate(SHOWN);
    steps
}

/// All steps that sagas wait for, those with the longest waits first.
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
    Ok(steps)
}

/// Thousandths as a factor, with as many digits as matter.
fn factor(thousandths: i64) -> String {
    match thousandths {
        10_000.. => format!("×{}", (thousandths + 500) / 1_000),
        1_000.. => format!("×{}.{}", thousandths / 1_000, thousandths % 1_000 / 100),
        _ => format!("×0.{:02}", thousandths / 10),
    }
}

fn of_type<'a>(
    saga_type: &'a SagaType,
    flow: &'a Flow,
    before: Option<&'a Flow>,
    period: &'a Period,
) -> impl Iterator<Item = SlowStep> + 'a {
    let step = move |row: &'a StepRow| {
        let wait = row.wait?;
        let earlier = before.and_then(|before| before.step(&row.step));
        let times = earlier
            .and_then(|row| row.wait)
            .filter(|earlier| earlier.p95_ms > 0)
            .map(|earlier| wait.p95_ms.saturating_mul(1_000) / earlier.p95_ms);
        let mut parameters = period.parameters();
        parameters.push(("type".to_owned(), saga_type.to_string()));
        parameters.push(("step".to_owned(), row.step.to_string()));
        Some(SlowStep {
            step: row.step.to_string(),
            saga_type: saga_type.to_string(),
            service: row.service.clone(),
            median: length(wait.p50_ms),
            p95: p95(row, earlier),
            change: times.map(factor),
            path: format!("{}#step", address("/flow", &parameters)),
            median_ms: wait.p50_ms,
            p95_ms: wait.p95_ms,
            times,
        })
    };
    flow.steps.iter().filter_map(step)
}
