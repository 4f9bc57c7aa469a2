//! The steps of a flow as a table: how many sagas reached each one, how long they waited for it, what differs from another
//! period, and where sagas leave the path.
//!
//! Rule of thumb: a row has figures of one step alone, so 40 of them are read from top to bottom; what happens between two
//! steps is in the row of the first one.

use std::{cmp::Reverse, collections::BTreeMap};

use saga_store::{Flow, LateGroup, Outcome, StepRow, Times, TransitionRow};
use saga_types::{Step, definition::SagaDefinition};

use super::{
    Kind,
    address::{FlowAddress, Sort},
};
use crate::ui::{
    change::{Change, Compared},
    humanize::{hundredths, length, list, number, percent, precise_count},
    saga::path::after,
    waits::p95,
};

pub(super) struct StepLine {
    pub(super) step: String,
    pub(super) kind: Kind,
    pub(super) is_forward: bool,
    /// What it follows, where the path is no line.
    pub(super) place: String,
    /// The owner by the definition, else who recorded it.
    pub(super) service: Option<String>,
    /// The page with the panel of this step, or without it.
    pub(super) path: String,
    pub(super) is_open: bool,
    pub(super) sagas: String,
    pub(super) reached: String,
    pub(super) hundredths: u32,
    pub(super) wait: Option<Wait>,
    /// Where sagas went instead of on, and what else is unusual.
    pub(super) leaves: Vec<Leave>,
    pub(super) notes: Vec<String>,
    /// Sagas that are overdue with this step: how many, and the list of them.
    pub(super) overdue: Option<(String, String)>,
    /// Steps before it, of one that is not on the path.
    pub(super) from: Option<String>,
    is_on_path: bool,
    p95_ms: i64,
    failing: u64,
}

/// How long sagas waited for a step.
pub(super) struct Wait {
    /// Ends of the bars, in hundredths of the longest p95 of all steps.
    pub(super) median_at: u32,
    pub(super) p95_at: u32,
    pub(super) median: String,
    pub(super) p95: Compared,
    /// How far off they are at the most, or that it is not known, when they are of a sample.
    pub(super) error: Option<String>,
}

/// A transition that leaves the path.
pub(super) struct Leave {
    pub(super) kind: Kind,
    pub(super) to: String,
    pub(super) share: Compared,
    pub(super) path: String,
}

/// What the rows are made of.
pub(super) struct Steps<'a> {
    pub(super) flow: &'a Flow,
    pub(super) before: Option<&'a Flow>,
    pub(super) definition: Option<&'a SagaDefinition>,
    /// Sagas of the type that are overdue, by the step that they wait for.
    pub(super) overdue: &'a [LateGroup],
    pub(super) address: &'a FlowAddress,
}

/// How many steps are shown: those of the definition first, then the others that occur.
const STEPS: usize = 150;

/// How many steps are left out.
pub(super) fn more_steps(flow: &Flow, definition: Option<&SagaDefinition>) -> usize {
    let defined = definition.map_or(0, |definition| definition.forward.len());
    let is_defined =
        |row: &&StepRow| definition.is_some_and(|definition| definition.forward_step(&row.step).is_some());
    let others = flow.steps.iter().filter(|row| !is_defined(row)).count();
    (defined + others).saturating_sub(STEPS)
}

/// The rows on the path, and those off it. In another order than the path's they are one list.
pub(super) fn lines(of: &Steps<'_>, sort: Sort) -> (Vec<StepLine>, Vec<StepLine>) {
    let longest = of
        .flow
        .steps
        .iter()
        .filter_map(|row| row.wait)
        .map(|wait| wait.p95_ms);
    let longest = longest.max().unwrap_or(0);
    let mut all: Vec<StepLine> = of.rows().iter().map(|row| of.line(row, longest)).collect();
    match sort {
        Sort::Path => all.into_iter().partition(|line| line.is_on_path),
        Sort::Slowest => {
            all.sort_by_key(|line| Reverse(line.p95_ms));
            (all, Vec::new())
        }
        Sort::Failing => {
            all.sort_by_key(|line| Reverse(line.failing));
            (all, Vec::new())
        }
    }
}

impl Steps<'_> {
    /// Every step of the definition, also those that no saga reached, then the others that occur.
    fn rows(&self) -> Vec<StepRow> {
        let opened = self.address.shown.step.as_ref();
        let rows = self.all_rows().into_iter().enumerate();
        let shown = rows.filter(|(place, row)| *place < STEPS || opened == Some(&row.step));
        shown.map(|(_, row)| row).collect()
    }

    fn all_rows(&self) -> Vec<StepRow> {
        let forward = self.definition.iter().flat_map(|definition| &definition.forward);
        let mut rows: Vec<StepRow> = forward
            .map(|forward| {
                let found = self.flow.step(&forward.step).cloned();
                found.unwrap_or_else(|| not_reached(&forward.step))
            })
            .collect();
        for row in &self.flow.steps {
            if !rows.iter().any(|other| other.step == row.step) {
                rows.push(row.clone());
            }
        }
        rows
    }

    fn line(&self, row: &StepRow, longest_ms: i64) -> StepLine {
        let share = self.flow.share(row.sagas);
        let owner = self.definition.and_then(|definition| definition.owner(&row.step));
        let leaves: Vec<&TransitionRow> = self.flow.leaving(&row.step).collect();
        let fails = leaves.iter().filter(|row| row.outcome == Outcome::Fails);
        StepLine {
            kind: row.outcome.into(),
            is_forward: row.outcome == Outcome::Continues,
            place: self
                .definition
                .map_or_else(String::new, |definition| place(definition, &row.step)),
            service: owner.map(str::to_owned).or_else(|| row.service.clone()),
            path: self.address.step(&row.step),
            is_open: self.address.shown.step.as_ref() == Some(&row.step),
            sagas: number(row.sagas),
            reached: percent(share),
            hundredths: hundredths(share),
            p95_ms: row.wait.map_or(0, |wait| wait.p95_ms),
            failing: fails.map(|row| row.sagas).sum(),
            wait: row.wait.map(|wait| self.wait(row, wait, longest_ms)),
            leaves: leaves.iter().take(4).map(|leave| self.leave(leave)).collect(),
            notes: notes(self.flow, row),
            overdue: self.overdue(&row.step),
            from: (!row.is_on_path).then(|| self.from(&row.step)),
            is_on_path: row.is_on_path,
            step: row.step.to_string(),
        }
    }

    fn wait(&self, row: &StepRow, wait: Times, longest_ms: i64) -> Wait {
        let before = self.before.and_then(|before| before.step(&row.step));
        let at = |ms: i64| hundredths(millis(ms) / millis(longest_ms.max(1)));
        Wait {
            median_at: at(wait.p50_ms),
            p95_at: at(wait.p95_ms),
            median: length(wait.p50_ms),
            p95: p95(row, before),
            error: error(wait),
        }
    }

    fn leave(&self, row: &TransitionRow) -> Leave {
        let now = (row.sagas, self.flow.sample.sagas);
        let before = self.before.map(|before| {
            let sagas = before.transition(&row.transition).map_or(0, |row| row.sagas);
            (sagas, before.sample.sagas)
        });
        Leave {
            kind: row.outcome.into(),
            to: row.transition.to.to_string(),
            share: Compared {
                now: percent(self.flow.share(row.sagas)),
                before: self
                    .before
                    .zip(before)
                    .map(|(flow, (sagas, _))| percent(flow.share(sagas))),
                change: before.map_or(Change::Unclear, |before| Change::of_shares(now, before)),
            },
            path: self.address.transition(&row.transition),
        }
    }

    fn overdue(&self, step: &Step) -> Option<(String, String)> {
        let found = self.overdue.iter().find(|group| group.count.step == *step)?;
        Some((number(found.count.sagas), self.address.overdue(step)))
    }

    fn from(&self, step: &Step) -> String {
        let into = self
            .flow
            .transitions
            .iter()
            .filter(|row| row.transition.to == *step);
        let from = into.map(|row| match &row.transition.from {
            Some(from) => from.to_string(),
            None => "the start".to_owned(),
        });
        let from: Vec<String> = from.collect();
        match from.as_slice() {
            [first, second, third, _, ..] => {
                list(&[first.clone(), second.clone(), third.clone()])
                    + &format!(" and {} more", from.len() - 3)
            }
            few => list(few),
        }
    }
}

fn not_reached(step: &Step) -> StepRow {
    StepRow {
        step: step.clone(),
        service: None,
        is_on_path: true,
        outcome: Outcome::Continues,
        sagas: 0,
        retried: 0,
        retries: 0,
        echoes: Vec::new(),
        last: 0,
        wait: None,
        versions: BTreeMap::new(),
    }
}

/// What a step follows, which other ones may be done in its place, and whether it may be left out.
fn place(definition: &SagaDefinition, step: &Step) -> String {
    let Some(number) = definition.path().number_of(step) else {
        return String::new();
    };
    let after = after(definition, number).map(|steps| format!("after {steps}"));
    let others: Vec<String> = definition
        .path()
        .alternatives(number)
        .filter(|other| *other != number)
        .map(|other| definition.forward[other].step.to_string())
        .collect();
    let instead = (!others.is_empty()).then(|| format!("or {}", others.join(" or ")));
    let optional = definition.forward[number].optional.then(|| "optional".to_owned());
    let parts: Vec<String> = [after, instead, optional].into_iter().flatten().collect();
    parts.join(", ")
}

/// Retries and echoes.
fn notes(flow: &Flow, row: &StepRow) -> Vec<String> {
    let mut notes = Vec::new();
    if row.retried > 0 {
        let each = precise_count(row.retries + row.sagas) / precise_count(row.sagas.max(1));
        notes.push(format!(
            "↻ retried by {} (×{each:.1})",
            percent(flow.share(row.retried))
        ));
    }
    for (service, sagas) in row.echoes.iter().take(2) {
        let service = service.as_deref().unwrap_or("an unnamed service");
        notes.push(format!(
            "also recorded by {service} {}",
            percent(flow.share(*sagas))
        ));
    }
    notes
}

/// None when all sagas were read.
fn error(wait: Times) -> Option<String> {
    let (Some(p50), Some(p95)) = (wait.p50_error, wait.p95_error) else {
        return Some("from too few sagas of a sample to say how far off".to_owned());
    };
    let error = p50.max(p95);
    (error > 0.0).then(|| format!("±{}", percent(error)))
}

#[expect(clippy::cast_precision_loss, reason = "the 16th digit is not shown")]
fn millis(millis: i64) -> f64 {
    millis as f64
}
