//! The observed flow of sagas, free of SQL: which step came after which, how often, and how long that took.
//!
//! | part | what |
//! | --- | --- |
//! | `path` | the path of one saga: first events of steps, retries and echoes |
//! | `gather` | the paths of many sagas, added up |
//! | `several` | several types at once |
//! | `detail` | one step of many sagas |
//! | `waits` | how long the sagas of a type without a definition waited |
//!
//! Rule of thumb: a transition is between the first events of two different steps, so that each saga makes it at most once and
//! a share is one of sagas. A later event of a step is a retry when the same service recorded it, else an echo. What is read is
//! bounded by the sagas, by the steps of each and by the numbers of different steps and transitions, what is answered by these.

mod detail;
mod gather;
mod path;
mod several;
mod waits;

use std::collections::BTreeMap;

use saga_types::{SagaId, SagaStatus, SagaType, Step};

use super::{Sample, Scope, Span, Times, period::share};

pub(super) use detail::{DetailGathering, FirstEvent, StepMetadata};
pub use detail::{StepDetail, VersionPart};
pub(super) use gather::Gathering;
pub(super) use path::FlowStep;
pub use several::FlowsQuery;
pub(super) use several::{Drawing, DrawnOfType};
pub(super) use waits::{observed_waits, standing};

/// Which sagas are read.
#[derive(Debug, Clone)]
pub struct FlowQuery {
    /// The types that the reader may see.
    pub scope: Scope,
    /// Of this type.
    pub saga_type: SagaType,
    /// Started within this period.
    pub span: Span,
    /// With a step that this version of a service recorded.
    pub service_version: Option<String>,
    /// All of them, or when there are more a sample of about so many.
    pub most: u32,
    /// Name the sagas that made this transition.
    pub of: Option<Transition>,
}

impl FlowQuery {
    /// Of each saga only the first events are read: an endless retry loop adds nothing new.
    pub const EVENTS: u32 = 100;

    /// How many sagas of a transition are named, the newest.
    pub const NAMED: usize = 20;

    /// How many steps are answered, those that most sagas reached.
    pub const STEPS: usize = 500;

    /// How many transitions are answered, the most frequent.
    pub const TRANSITIONS: usize = 1_000;

    /// How many sagas' steps are read at once.
    pub(super) const CHUNK: usize = 500;
}

/// From a step to the one that was recorded next for the first time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transition {
    /// None before the first step.
    pub from: Option<Step>,
    /// The next one.
    pub to: Step,
}

/// What an event says by its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The saga goes on.
    Continues,
    /// Something failed.
    Fails,
    /// Something was undone.
    Compensates,
}

impl From<SagaStatus> for Outcome {
    fn from(status: SagaStatus) -> Self {
        match status {
            SagaStatus::Failed => Self::Fails,
            SagaStatus::Compensated => Self::Compensates,
            SagaStatus::Started | SagaStatus::InProgress | SagaStatus::Completed => Self::Continues,
        }
    }
}

/// The observed flow of some sagas.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flow {
    /// Of how many sagas the figures are. With a service version it counts the sagas that have it, and how many there are of
    /// those is itself an estimate when not all sagas were read.
    pub sample: Sample,
    /// The steps: those of the definition's path in its order, then the others by their median place.
    pub steps: Vec<StepRow>,
    /// The most frequent first.
    pub transitions: Vec<TransitionRow>,
    /// Steps and transitions that are too many to be answered.
    pub left_out: (usize, usize),
    /// Sagas that made the transition asked for, the newest first.
    pub named: Vec<SagaId>,
}

/// A step of the flow.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// Its name.
    pub step: Step,
    /// The service that recorded most of the first events; none when they name none.
    pub service: Option<String>,
    /// Whether it is a forward step of the type's definition; of a type without one, whether its first events mostly continue.
    pub is_on_path: bool,
    /// What its first events mostly say.
    pub outcome: Outcome,
    /// How many sagas reached it.
    pub sagas: u64,
    /// How many recorded it again by the same service.
    pub retried: u64,
    /// How many such events there are.
    pub retries: u64,
    /// Services that recorded it after another one had, and in how many sagas, the most frequent first.
    pub echoes: Vec<(Option<String>, u64)>,
    /// For how many sagas it was the last step that was recorded for the first time so far.
    pub last: u64,
    /// How long it took from the first event of the step before it, whichever that was; none for a first step.
    pub wait: Option<Times>,
    /// What each version of the service recorded of it, where the flow is that of one service.
    pub versions: BTreeMap<String, VersionPart>,
}

/// A transition, and how sagas made it.
#[derive(Debug, Clone, PartialEq)]
pub struct TransitionRow {
    /// From where to where.
    pub transition: Transition,
    /// How many sagas made it.
    pub sagas: u64,
    /// What the step that it leads to mostly says.
    pub outcome: Outcome,
    /// Whether it leads from the path to a step that is not on it.
    pub leaves_path: bool,
    /// How long it took; none from the start of a saga, and to an override.
    pub times: Option<Times>,
}

impl Flow {
    /// The share of so many of the sagas.
    #[must_use]
    pub fn share(&self, sagas: u64) -> f64 {
        share(sagas, self.sample.sagas)
    }

    /// A step, if a saga reached it.
    #[must_use]
    pub fn step(&self, step: &Step) -> Option<&StepRow> {
        self.steps.iter().find(|row| row.step == *step)
    }

    /// A transition, if a saga made it.
    #[must_use]
    pub fn transition(&self, transition: &Transition) -> Option<&TransitionRow> {
        self.transitions.iter().find(|row| row.transition == *transition)
    }

    /// Transitions from a step that leave the path, the most frequent first.
    pub fn leaving<'a>(&'a self, step: &'a Step) -> impl Iterator<Item = &'a TransitionRow> {
        let from = self.transitions.iter();
        from.filter(move |row| row.leaves_path && row.transition.from.as_ref() == Some(step))
    }
}
