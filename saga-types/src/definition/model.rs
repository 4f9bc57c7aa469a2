//! One definition, checked.

use std::time::Duration;

use super::{forward::ForwardStep, path::ExpectedPath};
use crate::{SagaType, Step, Timestamp};

/// What the life of one saga type should look like. Checked when it is made: every step named by a rule is a step of
/// the definition.
///
/// ```
/// use saga_types::{SagaType, Step, definition::{Definitions, SagaDefinition}};
///
/// let definition = SagaDefinition::from_yaml(
///     "sagaType: LOYALTY_SIGN_UP
/// startsWith: [MEMBER_CREATED]
/// forward:
///   - {step: MEMBER_CREATED, service: member-service}
///   - {step: POINTS_GRANTED, service: points-service}
/// completesWith: [POINTS_GRANTED]
/// ",
/// )?;
/// assert_eq!(definition.owner(&Step::new("POINTS_GRANTED")?), Some("points-service"));
///
/// let mut definitions = Definitions::built_in();
/// definitions.insert(definition);
/// assert!(definitions.get(&SagaType::new("LOYALTY_SIGN_UP")?).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SagaDefinition {
    /// The type it describes.
    pub saga_type: SagaType,
    /// It is in force for sagas that started then or later; none: for all that started before the others are valid.
    pub valid_from: Option<Timestamp>,
    /// The steps a saga may start with.
    pub starts_with: Vec<Step>,
    /// The steps to success. Which comes before which is in [`path`](Self::path).
    pub forward: Vec<ForwardStep>,
    /// Steps whose COMPLETED event completes the saga.
    pub completes_with: Vec<Step>,
    /// Steps that say that the saga failed.
    pub fails_with: Vec<Step>,
    /// Which steps undo which.
    pub compensations: Vec<Compensation>,
    /// Further steps that may occur.
    pub also_known: Vec<Step>,
    /// How long steps and sagas may take.
    pub limits: Limits,
    pub(super) path: ExpectedPath,
}

/// A forward step whose effect must be undone when the saga fails later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compensation {
    /// The forward step.
    pub step: Step,
    /// The steps of which any one undoes it; the first is the one that is awaited.
    pub by: Vec<Step>,
}

/// How long a saga may take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// From the first event to the end.
    pub whole: Option<Duration>,
    /// Per step.
    pub steps: Vec<StepLimit>,
}

/// How long it may take until a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLimit {
    /// The step that must be done in time.
    pub step: Step,
    /// How much time there is.
    pub within: Duration,
    /// The step from whose being done the time counts; without one it counts from the start of the saga.
    pub after: Option<Step>,
}

impl SagaDefinition {
    /// The forward steps as a graph.
    #[must_use]
    pub fn path(&self) -> &ExpectedPath {
        &self.path
    }

    /// Whether the step completes the saga.
    #[must_use]
    pub fn completes(&self, step: &Step) -> bool {
        self.completes_with.contains(step)
    }

    /// Whether the definition names the step anywhere.
    #[must_use]
    pub fn knows(&self, step: &Step) -> bool {
        step.is_manual_override() || self.steps().any(|named| named == step)
    }

    /// The entry of a forward step; `None` for any other step.
    #[must_use]
    pub fn forward_step(&self, step: &Step) -> Option<&ForwardStep> {
        Some(&self.forward[self.path.number_of(step)?])
    }

    /// The service that owns a forward step.
    #[must_use]
    pub fn owner(&self, step: &Step) -> Option<&str> {
        self.forward_step(step)?.service.as_deref()
    }

    /// Every step that the definition names; some more than once.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.forward
            .iter()
            .map(|forward| &forward.step)
            .chain(&self.starts_with)
            .chain(&self.completes_with)
            .chain(&self.fails_with)
            .chain(
                self.compensations
                    .iter()
                    .flat_map(|compensation| &compensation.by),
            )
            .chain(&self.also_known)
    }

    /// Identifies the definition by its content, so that a fold kept from earlier is not continued under other rules. The same in every
    /// process and version as long as the definition reads the same.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        // FNV-1a: the standard library's hashers may change between releases, and this value is stored.
        let text = format!("{:?}", self.parts());
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// All but the path, which follows from these.
    fn parts(&self) -> impl std::fmt::Debug {
        (
            (&self.saga_type, self.valid_from),
            (&self.starts_with, &self.forward),
            (&self.completes_with, &self.fails_with, &self.compensations),
            (&self.also_known, &self.limits),
        )
    }
}
