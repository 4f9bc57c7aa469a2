//! The path that the definition expects, drawn by levels, and how far this saga came on it.

use saga_types::{
    SagaStatus, Step,
    definition::{ForwardStep, SagaDefinition},
    fold::SagaState,
};

use super::Clock;
use saga_store::StoredStep;

/// The steps to success by levels, and what happened beside them.
#[derive(Default)]
pub(super) struct PathView {
    /// Steps of one level may be done at the same time; all that come before them are on earlier levels.
    pub(super) levels: Vec<Level>,
    /// Failures, and steps that the definition does not name; once each.
    pub(super) beside: Vec<PathStep>,
}

/// Steps that are drawn beside each other.
pub(super) struct Level {
    pub(super) groups: Vec<Group>,
}

/// One step, or the alternatives of a choice.
pub(super) struct Group {
    choice: Option<String>,
    pub(super) steps: Vec<PathStep>,
}

/// A step of the path, and what became of it.
pub(super) struct PathStep {
    pub(super) step: String,
    pub(super) owner: Option<String>,
    pub(super) fate: Fate,
    pub(super) is_optional: bool,
    /// What it follows, where that is not the whole level before it.
    pub(super) after: Option<String>,
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
    /// Awaited, and past its limit.
    Late,
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
            Self::Late => "late",
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
            Self::Owed | Self::Late => "!",
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
            Self::Undone => "compensated",
            Self::Owed => "compensation pending",
            Self::Awaited => "waiting",
            Self::Late => "overdue",
            Self::Skipped => "skipped",
            Self::Unexpected => "unexpected",
            Self::Ahead => "not started",
        }
    }
}

impl PathView {
    /// A longer one is folded on a phone.
    const SHORT: usize = 8;

    pub(super) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Whether it is read at a glance on a phone.
    pub(super) fn is_short(&self) -> bool {
        self.steps().count() <= Self::SHORT
    }

    /// What became of how many steps.
    pub(super) fn summary(&self) -> String {
        let mut counts: Vec<(Fate, usize)> = Vec::new();
        for step in self.steps() {
            match counts.iter_mut().find(|(fate, _)| *fate == step.fate) {
                Some((_, count)) => *count += 1,
                None => counts.push((step.fate, 1)),
            }
        }
        let counts = counts
            .iter()
            .map(|(fate, count)| format!("{count} {}", fate.words()));
        let counts: Vec<String> = counts.collect();
        format!("{} steps: {}", self.steps().count(), counts.join(", "))
    }

    fn steps(&self) -> impl Iterator<Item = &PathStep> {
        let groups = self.levels.iter().flat_map(|level| &level.groups);
        groups.flat_map(|group| &group.steps).chain(&self.beside)
    }

    pub(super) fn of(
        definition: &SagaDefinition,
        saga: &SagaState,
        events: &[StoredStep],
        clock: Clock,
    ) -> Self {
        let (path, forward) = (definition.path(), &definition.forward);
        let progress = path.progress(
            forward
                .iter()
                .map(|entry| &entry.step)
                .filter(|step| is_done(step, events)),
        );
        let mut view = Self {
            levels: Vec::new(),
            beside: beside(definition, events),
        };
        for (number, entry) in forward.iter().enumerate() {
            let mut alternatives = path.alternatives(number);
            let is_left_out = progress.is_passed(number) || alternatives.any(|other| progress.is_done(other));
            view.add(
                path.level(number),
                entry,
                PathStep {
                    step: entry.step.to_string(),
                    owner: entry.service.clone(),
                    fate: fate(definition, &entry.step, is_left_out, saga, events, clock),
                    is_optional: entry.optional,
                    after: after(definition, number),
                },
            );
        }
        view
    }

    fn add(&mut self, level: usize, entry: &ForwardStep, step: PathStep) {
        while self.levels.len() <= level {
            self.levels.push(Level { groups: Vec::new() });
        }
        let groups = &mut self.levels[level].groups;
        let of_choice = groups
            .iter_mut()
            .find(|group| group.choice.is_some() && group.choice == entry.choice);
        match of_choice {
            Some(group) => group.steps.push(step),
            None => groups.push(Group {
                choice: entry.choice.clone(),
                steps: vec![step],
            }),
        }
    }
}

impl Level {
    /// Whether several steps, which are no alternatives, may be done at the same time.
    pub(super) fn is_fork(&self) -> bool {
        self.groups.len() > 1
    }
}

impl Group {
    /// The word before an alternative; none for a step that has none.
    pub(super) fn word(&self, place: &usize) -> Option<&'static str> {
        let is_choice = self.steps.len() > 1;
        is_choice.then_some(if *place == 0 { "either" } else { "or" })
    }
}

/// The names of what a step follows, unless that is exactly the level before it.
pub(in crate::ui) fn after(definition: &SagaDefinition, number: usize) -> Option<String> {
    let path = definition.path();
    let level = path.level(number);
    let on_level_before = (0..path.step_count()).filter(|other| path.level(*other) + 1 == level);
    if on_level_before.eq(path.predecessors(number).iter().copied()) {
        return None;
    }
    let names = definition.forward[number].after.iter().map(ToString::to_string);
    Some(names.collect::<Vec<_>>().join(" and "))
}

fn fate(
    definition: &SagaDefinition,
    step: &Step,
    is_left_out: bool,
    saga: &SagaState,
    events: &[StoredStep],
    clock: Clock,
) -> Fate {
    let awaiting = || saga.awaiting.iter().find(|awaiting| awaiting.step == *step);
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
    } else if saga.ended_at.is_none()
        && let Some(awaiting) = awaiting()
    {
        let is_late = awaiting
            .deadline
            .is_some_and(|deadline| deadline < clock.judged_at);
        if is_late { Fate::Late } else { Fate::Awaited }
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

/// Steps off the path that this saga took, once each.
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
            is_optional: false,
            after: None,
        });
    }
    steps
}
