//! More about one step of the flow: how long sagas waited for it, which versions recorded it, why it failed, which sagas waited
//! longest, and what came before and after it.

use askama::Template;

use super::{Kind, address::FlowAddress, from};
use crate::{
    http::ApiError,
    scoped::Reader,
    ui::{
        humanize::{hundredths, length, number, percent, precise_count, short},
        links::saga_path,
    },
};
use saga_store::{Flow, Outcome, StepDetail, StepRow, TransitionRow};

/// How many neighbours, reasons and versions are shown.
const SHOWN: usize = 8;

#[derive(Template)]
#[template(path = "flow_panel.html")]
pub(super) struct Panel {
    step: String,
    /// Facts about it, in words.
    facts: Vec<String>,
    before: Vec<Neighbour>,
    after: Vec<Neighbour>,
    waits: Vec<Bar>,
    versions: Vec<Part>,
    reasons: Vec<Part>,
    slowest: Vec<Slow>,
    /// How many sagas the details are of, when that is not all.
    of: Option<String>,
    /// The lists of all sagas that have the step, and of those that failed at it first.
    all: String,
    failed: Option<String>,
    /// In what these sagas differ from others.
    differs: Option<String>,
}

/// A step that came just before or after.
struct Neighbour {
    kind: Kind,
    name: String,
    share: String,
    median: String,
    path: String,
}

/// Sagas whose waits were about as long.
struct Bar {
    up_to: String,
    sagas: String,
    hundredths: u32,
}

/// Some of the events of the step.
struct Part {
    name: Option<String>,
    sagas: String,
    share: String,
    hundredths: u32,
    /// The median wait of these.
    median: Option<String>,
}

struct Slow {
    saga_id: String,
    short_id: String,
    path: String,
    wait: String,
}

impl Panel {
    /// Of the step that the address names, if any saga reached it.
    pub(super) async fn asked(
        reader: &Reader,
        address: &FlowAddress,
        flow: &Flow,
    ) -> Result<Option<Self>, ApiError> {
        let Some(row) = address.shown.step.as_ref().and_then(|step| flow.step(step)) else {
            return Ok(None);
        };
        let query = address.query(&address.period, None);
        let detail = reader.step_detail(&query, &row.step).await?;
        Ok(Some(Self::of(reader, address, flow, row, detail)))
    }

    fn of(reader: &Reader, address: &FlowAddress, flow: &Flow, row: &StepRow, detail: StepDetail) -> Self {
        let neighbour = |other: &TransitionRow, name: String| Neighbour {
            kind: other.outcome.into(),
            name,
            share: percent(flow.share(other.sagas)),
            median: other
                .times
                .map_or_else(|| "–".to_owned(), |times| length(times.p50_ms)),
            path: address.transition(&other.transition),
        };
        let transitions = || flow.transitions.iter();
        let into = transitions().filter(|other| other.transition.to == row.step);
        let out = transitions().filter(|other| other.transition.from.as_ref() == Some(&row.step));
        let highest = detail.waits.iter().map(|(_, sagas)| *sagas).max().unwrap_or(0);
        Self {
            facts: facts(flow, row),
            before: into
                .take(SHOWN)
                .map(|other| neighbour(other, from(&other.transition)))
                .collect(),
            after: out
                .take(SHOWN)
                .map(|other| neighbour(other, other.transition.to.to_string()))
                .collect(),
            waits: detail
                .waits
                .iter()
                .map(|(up_to_ms, sagas)| Bar {
                    up_to: length(*up_to_ms),
                    sagas: number(*sagas),
                    hundredths: hundredths(precise_count(*sagas) / precise_count(highest.max(1))),
                })
                .collect(),
            of: (detail.sagas < flow.sample.of).then(|| number(detail.sagas)),
            versions: detail
                .versions
                .iter()
                .take(SHOWN)
                .map(|(version, part)| Part {
                    median: part.median_wait_ms.map(length),
                    ..Part::of(version.clone(), part.sagas, detail.reached)
                })
                .collect(),
            reasons: detail
                .reasons
                .iter()
                .take(SHOWN)
                .map(|(reason, sagas)| {
                    let shown = reader.redaction.failure_reason(reason.clone());
                    Part::of(shown, *sagas, detail.reached)
                })
                .collect(),
            slowest: detail
                .slowest
                .into_iter()
                .map(|(saga_id, wait_ms)| Slow {
                    path: saga_path(saga_id.as_str()),
                    short_id: short(saga_id.as_str()),
                    saga_id: saga_id.to_string(),
                    wait: length(wait_ms),
                })
                .collect(),
            differs: address.differing(
                match row.outcome {
                    Outcome::Fails => "failedStep",
                    _ => "step",
                },
                &row.step,
            ),
            all: address.with_step("step", &row.step),
            failed: (row.outcome == Outcome::Fails).then(|| address.with_step("failedStep", &row.step)),
            step: row.step.to_string(),
        }
    }
}

impl Part {
    fn of(name: Option<String>, sagas: u64, whole: u64) -> Self {
        let share = precise_count(sagas) / precise_count(whole.max(1));
        Self {
            name,
            sagas: number(sagas),
            share: percent(share),
            hundredths: hundredths(share),
            median: None,
        }
    }
}

fn facts(flow: &Flow, row: &StepRow) -> Vec<String> {
    let mut facts = vec![format!(
        "reached by {} of {} sagas ({})",
        number(row.sagas),
        number(flow.sample.sagas),
        percent(flow.share(row.sagas))
    )];
    if let Some(wait) = row.wait {
        let [median, p95, p99] = [wait.p50_ms, wait.p95_ms, wait.p99_ms].map(length);
        facts.push(format!("wait: median {median}, p95 {p95}, p99 {p99}"));
    }
    if row.retried > 0 {
        facts.push(format!(
            "retried in {} sagas, {} times",
            number(row.retried),
            number(row.retries)
        ));
    }
    facts.push(format!("last recorded step of {}", number(row.last)));
    facts
}
