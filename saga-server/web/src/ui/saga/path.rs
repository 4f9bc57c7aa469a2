//! The way the definition expects, and how far this saga came on it.

use saga_types::{SagaStatus, Step, definition::SagaDefinition, fold::SagaState};

use saga_store::StoredStep;

/// A step of the way, and what became of it.
pub(super) struct PathStep {
    pub(super) step: String,
    pub(super) owner: Option<String>,
    pub(super) fate: Fate,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    Failed,
    /// Done, and undone since.
    Undone,
    /// Done, and still to be undone.
    Owed,
    Awaited,
    /// Left out: a later one is done, or an alternative.
    Skipped,
    /// Not named by the definition.
    Unexpected,
    /// Not reached.
    Ahead,
}

impl Fate {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::Owed => "owed",
            Self::Awaited => "awaited",
            Self::Skipped => "skipped",
            Self::Unexpected => "unexpected",
            Self::Ahead => "ahead",
        }
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Done => "✓",
            Self::Failed => "✕",
            Self::Undone => "↺",
            Self::Owed => "!",
            Self::Awaited => "…",
            Self::Skipped => "–",
            Self::Unexpected => "?",
            Self::Ahead => "○",
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::Owed => "to be undone",
            Self::Awaited => "awaited",
            Self::Skipped => "left out",
            Self::Unexpected => "unexpected",
            Self::Ahead => "not reached",
        }
    }
}

/// The forward steps in order, then what happened beside them: failures, and steps that the definition does not name.
pub(super) fn expected_path(
    definition: &SagaDefinition,
    saga: &SagaState,
    events: &[StoredStep],
) -> Vec<PathStep> {
    let steps = definition.forward.iter().map(|forward| &forward.step);
    let path = definition.path();
    let progress = path.progress(steps.filter(|step| is_done(step, events)));
    let is_left_out = |number| {
        let mut alternatives = path.alternatives(number);
        progress.is_passed(number) || alternatives.any(|other| progress.is_done(other))
    };
    let forward = definition
        .forward
        .iter()
        .enumerate()
        .map(|(place, forward)| PathStep {
            step: forward.step.to_string(),
            owner: forward.service.clone(),
            fate: fate(definition, &forward.step, is_left_out(place), saga, events),
        });
    forward.chain(beside(definition, events)).collect()
}

fn fate(
    definition: &SagaDefinition,
    step: &Step,
    is_left_out: bool,
    saga: &SagaState,
    events: &[StoredStep],
) -> Fate {
    if saga.outstanding_compensations.contains(step) {
        Fate::Owed
    } else if is_done(step, events) {
        let is_undone = saga.failed_step.is_some() && is_undone(definition, step, events);
        if is_undone { Fate::Undone } else { Fate::Done }
    } else if events
        .iter()
        .any(|event| event.step == *step && event.status == SagaStatus::Failed)
    {
        Fate::Failed
    } else if saga.ended_at.is_none() && saga.awaiting.iter().any(|awaiting| awaiting.step == *step) {
        Fate::Awaited
    } else if is_left_out {
        Fate::Skipped
    } else {
        Fate::Ahead
    }
}

fn is_done(step: &Step, events: &[StoredStep]) -> bool {
    events.iter().any(|event| {
        event.step == *step && !matches!(event.status, SagaStatus::Failed | SagaStatus::Compensated)
    })
}

fn is_undone(definition: &SagaDefinition, step: &Step, events: &[StoredStep]) -> bool {
    let by = definition
        .compensations
        .iter()
        .filter(|compensation| compensation.step == *step)
        .flat_map(|compensation| &compensation.by);
    by.into_iter().any(|by| {
        events
            .iter()
            .any(|event| event.step == *by && event.status == SagaStatus::Compensated)
    })
}

/// Steps off the way that this saga took, once each.
fn beside(definition: &SagaDefinition, events: &[StoredStep]) -> Vec<PathStep> {
    let mut steps: Vec<PathStep> = Vec::new();
    for event in events {
        let is_known = definition.knows(&event.step);
        let is_failure = event.status == SagaStatus::Failed;
        let is_forward = definition.forward_step(&event.step).is_some();
        if is_forward
            || is_known && !is_failure
            || steps.iter().any(|known| known.step == event.step.as_str())
        {
            continue;
        }
        steps.push(PathStep {
            step: event.step.to_string(),
            owner: event.producer_service.clone(),
            fate: if is_known { Fate::Failed } else { Fate::Unexpected },
        });
    }
    steps
}
