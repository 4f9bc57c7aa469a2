//! What is probably a mistake in a definition that can be used all the same.

use super::{
    finding::DefinitionWarning,
    model::{SagaDefinition, StepLimit},
    path::ExpectedPath,
    yaml::{DefinitionFile, line},
};

/// Where the entries of the lists are in the file.
pub(super) struct Lines {
    pub(super) saga_type: u64,
    pub(super) forward: Vec<u64>,
    limits: Vec<u64>,
}

impl Lines {
    pub(super) fn of(file: &DefinitionFile) -> Self {
        Self {
            saga_type: line(&file.saga_type),
            forward: file.forward.iter().map(|entry| line(&entry.step)).collect(),
            limits: file.limits.steps.iter().map(|limit| line(&limit.step)).collect(),
        }
    }
}

/// In the order of the lines.
pub(super) fn of(definition: &SagaDefinition, lines: &Lines) -> Vec<DefinitionWarning> {
    let steps = (0..definition.forward.len()).flat_map(|number| {
        let checks: [Check; 5] = [
            unreachable,
            never_ending,
            optional_end,
            one_alternative,
            alternatives_in_sequence,
        ];
        let found = checks
            .into_iter()
            .filter_map(move |check| check(definition, number));
        found.map(move |(reason, hint)| warning(lines.forward[number], reason, hint))
    });
    let limits = definition.limits.steps.iter().zip(&lines.limits);
    let limits = limits.filter_map(|(limit, line)| {
        let (reason, hint) = limit_without_effect(definition, limit)?;
        Some(warning(*line, reason, hint))
    });
    let mut warnings: Vec<DefinitionWarning> = steps.chain(limits).collect();
    warnings.sort_by_key(|warning| warning.line);
    warnings
}

type Found = Option<(String, &'static str)>;
type Check = fn(&SagaDefinition, usize) -> Found;

fn warning(line: u64, reason: String, hint: &str) -> DefinitionWarning {
    DefinitionWarning {
        line,
        reason,
        hint: hint.to_owned(),
    }
}

fn unreachable(definition: &SagaDefinition, number: usize) -> Found {
    let (path, entry) = (&definition.path, &definition.forward[number]);
    let mut starts = definition
        .starts_with
        .iter()
        .filter_map(|step| path.number_of(step));
    let is_reachable = starts.any(|start| start == number || path.precedes(start, number));
    let finding = format!("no step of startsWith comes before {}", entry.step);
    (!is_reachable && !entry.optional)
        .then_some((finding, "add it to startsWith, or say after which step it comes"))
}

fn never_ending(definition: &SagaDefinition, number: usize) -> Found {
    let (path, entry) = (&definition.path, &definition.forward[number]);
    let mut ends = definition
        .completes_with
        .iter()
        .filter_map(|step| path.number_of(step));
    let leads_to_an_end = ends.any(|end| end == number || path.precedes(number, end));
    let finding = format!(
        "no completing step comes after {}, so a saga ends without waiting for it",
        entry.step
    );
    (!leads_to_an_end && !entry.optional).then_some((
        finding,
        "put it into the after of a step that leads to an end, make it optional, or move it to alsoKnown",
    ))
}

fn optional_end(definition: &SagaDefinition, number: usize) -> Found {
    let entry = &definition.forward[number];
    let finding = format!(
        "{} completes the saga and is optional, so it is never awaited",
        entry.step
    );
    (entry.optional && definition.completes(&entry.step)).then_some((finding, "remove optional"))
}

/// Only one alternative of a choice comes before it: it is awaited also when another one was done.
fn one_alternative(definition: &SagaDefinition, number: usize) -> Found {
    let (path, entry) = (&definition.path, &definition.forward[number]);
    let precedes_or_is_alternative = |member: usize| {
        path.precedes(member, number) || path.alternatives(number).any(|other| other == member)
    };
    let alone = path.predecessors(number).iter().find(|before| {
        path.alternatives(**before)
            .any(|member| !precedes_or_is_alternative(member))
    })?;
    let alone = &definition.forward[*alone];
    let finding = format!(
        "{} follows {} and not its alternatives, but is awaited whichever of them is done",
        entry.step, alone.step
    );
    (!entry.optional).then_some((finding, "make it optional, or let it follow the choice"))
}

fn alternatives_in_sequence(definition: &SagaDefinition, number: usize) -> Found {
    let (path, forward) = (&definition.path, &definition.forward);
    let later = path
        .alternatives(number)
        .find(|other| path.precedes(number, *other))?;
    let finding = format!(
        "{} and {} are alternatives, and one comes before the other",
        forward[number].step, forward[later].step
    );
    Some((finding, "remove the choice of one of them, or its after"))
}

/// The limit says nothing that would ever count.
fn limit_without_effect(definition: &SagaDefinition, limit: &StepLimit) -> Found {
    let path: &ExpectedPath = &definition.path;
    let step = path.number_of(&limit.step)?;
    if let Some(after) = &limit.after {
        let from = path.number_of(after)?;
        if from == step || path.precedes(step, from) {
            let finding = format!(
                "the limit of {} begins when {after} is done, and it is not awaited any more then",
                limit.step
            );
            return Some((finding, "let it begin with a step that comes before"));
        }
    }
    let whole = definition.limits.whole.filter(|whole| limit.within > *whole)?;
    let finding = format!(
        "the limit of {} is longer than that of the whole saga, {}",
        limit.step,
        humantime::format_duration(whole)
    );
    Some((finding, "shorten it, or remove it"))
}
