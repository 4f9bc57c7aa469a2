//! What is owed next, by whom, since when and until when.
//!
//! The words are those of the contract (section 3, "The expected path").

use super::{Awaiting, SagaFold, effects::Outstanding};
use crate::{
    SagaStatus, Step, Timestamp,
    definition::{Progress, SagaDefinition},
};

/// With the step that was done last of those right before each, where there is one.
pub(super) fn awaiting(
    fold: &SagaFold,
    definition: &SagaDefinition,
    status: SagaStatus,
    outstanding: &Outstanding<'_>,
) -> (Vec<Awaiting>, Vec<Option<Step>>) {
    match status {
        SagaStatus::Started | SagaStatus::InProgress => awaited_steps(fold, definition),
        SagaStatus::Failed => {
            let awaiting = compensations(fold, definition, outstanding);
            let after = vec![None; awaiting.len()];
            (awaiting, after)
        }
        SagaStatus::Completed | SagaStatus::Compensated => (Vec::new(), Vec::new()),
    }
}

fn awaited_steps(fold: &SagaFold, definition: &SagaDefinition) -> (Vec<Awaiting>, Vec<Option<Step>>) {
    let progress = definition.path().progress(fold.done.keys());
    let ends = limit_ends(fold, definition);
    let whole = definition.limits.whole;
    let whole = whole.map(|within| fold.first.position.recorded_at.saturating_add(within));
    let awaited = progress.awaited().map(|number| {
        let entry = &definition.forward[number];
        let is_held_up = |step| step == number || definition.path().precedes(number, step);
        let of_steps = ends.iter().filter(|(step, _)| is_held_up(*step));
        let owed = owed(fold, definition, &progress, number);
        let awaiting = Awaiting {
            step: entry.step.clone(),
            service: entry.service.clone(),
            choice: entry.choice.clone(),
            since: owed.since,
            deadline: of_steps.map(|(_, end)| *end).chain(whole).min(),
        };
        (awaiting, owed.after.cloned())
    });
    awaited.unzip()
}

/// Since when a step is owed: since the last of the nearest done steps before it was first done, else since the saga started.
pub(super) struct Owed<'a> {
    pub(super) after: Option<&'a Step>,
    pub(super) since: Timestamp,
}

pub(super) fn owed<'a>(
    fold: &'a SagaFold,
    definition: &SagaDefinition,
    progress: &Progress<'_>,
    number: usize,
) -> Owed<'a> {
    let nearest = progress.nearest_done(number);
    let done = nearest.filter_map(|earlier| fold.done.get_key_value(&definition.forward[earlier].step));
    let last = done.max_by_key(|(_, done)| **done);
    Owed {
        after: last.map(|(step, _)| step),
        since: last.map_or(fold.first.position.recorded_at, |(_, done)| done.0),
    }
}

/// The number of each step that has a limit, with when that ends; without those that count from a step that is not done.
fn limit_ends(fold: &SagaFold, definition: &SagaDefinition) -> Vec<(usize, Timestamp)> {
    let ends = definition.limits.steps.iter().filter_map(|limit| {
        let from = match &limit.after {
            Some(step) => fold.done.get(step)?.0,
            None => fold.first.position.recorded_at,
        };
        let number = definition.path().number_of(&limit.step)?;
        Some((number, from.saturating_add(limit.within)))
    });
    ends.collect()
}

/// One entry for each outstanding effect, owed since the failure or since the effect, whichever is later.
fn compensations(
    fold: &SagaFold,
    definition: &SagaDefinition,
    outstanding: &Outstanding<'_>,
) -> Vec<Awaiting> {
    let failed_at = fold
        .root_failure
        .as_ref()
        .map(|failure| failure.position.recorded_at);
    outstanding
        .0
        .iter()
        .filter_map(|(step, done)| {
            let rule = definition
                .compensations
                .iter()
                .find(|compensation| compensation.step == **step)?;
            Some(Awaiting {
                step: rule.by.first()?.clone(),
                service: definition.owner(step).map(str::to_owned),
                choice: None,
                since: failed_at.map_or(done.recorded_at, |failed_at| failed_at.max(done.recorded_at)),
                deadline: None,
            })
        })
        .collect()
}
