//! What is owed next, by whom, since when and until when.

use super::{Awaiting, SagaFold, effects::Outstanding};
use crate::{
    SagaStatus, Timestamp,
    definition::{ForwardStep, SagaDefinition, StepLimit},
};

pub(super) fn awaiting(
    fold: &SagaFold,
    definition: &SagaDefinition,
    status: SagaStatus,
    outstanding: &Outstanding<'_>,
) -> Vec<Awaiting> {
    match status {
        SagaStatus::Started | SagaStatus::InProgress => next_step(fold, definition).into_iter().collect(),
        SagaStatus::Failed => compensations(fold, definition, outstanding),
        SagaStatus::Completed | SagaStatus::Compensated => Vec::new(),
    }
}

/// The forward step after the furthest one that was done. Steps left out before it were skipped, and are not awaited.
fn next_step(fold: &SagaFold, definition: &SagaDefinition) -> Option<Awaiting> {
    let furthest = definition
        .forward
        .iter()
        .rposition(|forward| fold.done.contains_key(&forward.step));
    let to_come = &definition.forward[furthest.map_or(0, |index| index + 1)..];
    let next = to_come.first()?;
    let since = furthest
        .and_then(|index| fold.done.get(&definition.forward[index].step))
        .map_or(fold.first.position.recorded_at, |done| done.0);
    Some(Awaiting {
        step: next.step.clone(),
        service: next.service.clone(),
        since,
        deadline: deadline(fold, definition, to_come),
    })
}

/// The earliest limit among the whole saga's and those of the steps to come.
fn deadline(fold: &SagaFold, definition: &SagaDefinition, to_come: &[ForwardStep]) -> Option<Timestamp> {
    let started_at = fold.first.position.recorded_at;
    let whole = definition
        .limits
        .whole
        .map(|within| started_at.saturating_add(within));
    let of_steps = definition.limits.steps.iter().filter_map(|limit| {
        let is_to_come = to_come.iter().any(|forward| forward.step == limit.step);
        is_to_come.then(|| limit_ends(fold, limit)).flatten()
    });
    of_steps.chain(whole).min()
}

/// None while the step from which the limit counts is not done.
fn limit_ends(fold: &SagaFold, limit: &StepLimit) -> Option<Timestamp> {
    let from = match &limit.after {
        Some(step) => fold.done.get(step)?.0,
        None => fold.first.position.recorded_at,
    };
    Some(from.saturating_add(limit.within))
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
                since: failed_at.map_or(done.recorded_at, |failed_at| failed_at.max(done.recorded_at)),
                deadline: None,
            })
        })
        .collect()
}
