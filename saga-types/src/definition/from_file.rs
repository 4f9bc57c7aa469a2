//! From the entries of a file to the model: where the file leaves something out, what the contract says.

use super::{
    forward::{ForwardStep, Predecessor},
    model::{Compensation, Limits, SagaDefinition, StepLimit},
    path::ExpectedPath,
    yaml::{DefinitionFile, ForwardEntry, StepName},
};
use crate::Step;

/// Where `after` is left out, it is what the contract says of the place in the list. Names that are unknown stay, and
/// precede nothing.
pub(super) fn forward_steps(entries: &[ForwardEntry]) -> Vec<ForwardStep> {
    let mut steps: Vec<ForwardStep> = Vec::with_capacity(entries.len());
    for entry in entries {
        let choice = entry.choice.as_ref().map(|choice| choice.value.clone());
        let after = match &entry.after {
            Some(names) => names
                .iter()
                .map(|name| predecessor(&name.value, entries))
                .collect(),
            None => default_after(&steps, choice.as_deref()),
        };
        steps.push(ForwardStep {
            step: entry.step.value.0.clone(),
            service: entry.service.as_ref().map(|service| service.value.clone()),
            after,
            optional: entry.optional,
            choice,
        });
    }
    steps
}

fn predecessor(name: &str, entries: &[ForwardEntry]) -> Predecessor {
    let step = entries.iter().map(|entry| &entry.step.value.0);
    match step.into_iter().find(|step| step.as_str() == name) {
        Some(step) => Predecessor::Step(step.clone()),
        None => Predecessor::Choice(name.to_owned()),
    }
}

fn default_after(earlier: &[ForwardStep], choice: Option<&str>) -> Vec<Predecessor> {
    let is_same_choice = |step: &&ForwardStep| choice.is_some() && step.choice.as_deref() == choice;
    if let Some(first_member) = earlier.iter().find(is_same_choice) {
        return first_member.after.clone();
    }
    match earlier.last() {
        None => Vec::new(),
        Some(ForwardStep {
            choice: Some(choice), ..
        }) => vec![Predecessor::Choice(choice.clone())],
        Some(previous) => vec![Predecessor::Step(previous.step.clone())],
    }
}

/// Of a file in which nothing is wrong.
pub(super) fn definition(
    file: DefinitionFile,
    forward: Vec<ForwardStep>,
    path: ExpectedPath,
) -> SagaDefinition {
    let compensations = file.compensations.into_iter().map(|entry| Compensation {
        step: entry.step.value.0,
        by: entry.by.value.into_iter().map(|name| name.0).collect(),
    });
    let limits = file.limits.steps.into_iter().map(|limit| StepLimit {
        step: limit.step.value.0,
        within: limit.within.value.0,
        after: limit.after.map(|after| after.value.0),
    });
    SagaDefinition {
        saga_type: file.saga_type.value.0,
        valid_from: file.valid_from.map(|moment| moment.0),
        starts_with: names(file.starts_with),
        completes_with: names(file.completes_with),
        fails_with: names(file.fails_with),
        also_known: names(file.also_known),
        compensations: compensations.collect(),
        limits: Limits {
            whole: file.limits.whole.map(|period| period.0),
            steps: limits.collect(),
        },
        forward,
        path,
    }
}

fn names(steps: Vec<StepName>) -> Vec<Step> {
    steps.into_iter().map(|step| step.value.0).collect()
}
