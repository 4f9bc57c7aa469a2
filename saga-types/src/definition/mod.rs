//! What the life of a saga type should look like: its steps in order, who owns them, what undoes what, and
//! how long it may take.
//!
//! Two definitions are built in ([`Definitions::built_in`]); teams add their own, or replace these, in YAML
//! ([`SagaDefinition::from_yaml`], [`Definitions::load_dir`]).

mod built_in;
mod load;
mod yaml;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{SagaType, Step};

pub use load::{LoadError, LoadErrorKind};
pub use yaml::DefinitionError;

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
    /// The steps a saga may start with.
    pub starts_with: Vec<Step>,
    /// The steps to success, in order.
    pub forward: Vec<ForwardStep>,
    /// Steps whose COMPLETED event completes the saga.
    pub completes_with: Vec<Step>,
    /// Steps that say that the saga failed.
    pub fails_with: Vec<Step>,
    /// Which steps undo which.
    pub compensations: Vec<Compensation>,
    /// Further steps that may occur.
    pub also_known: Vec<Step>,
    /// How long things may take.
    pub limits: Limits,
}

/// A step to success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardStep {
    /// The step.
    pub step: Step,
    /// The service that owns it, such as `product-service`.
    pub service: Option<String>,
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

    /// The service that owns a forward step.
    #[must_use]
    pub fn owner(&self, step: &Step) -> Option<&str> {
        self.forward
            .iter()
            .find(|forward| forward.step == *step)?
            .service
            .as_deref()
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
        let text = format!("{self:?}");
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }
}

/// The definitions in force, one for each saga type at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definitions {
    by_type: BTreeMap<SagaType, InForce>,
}

/// A definition with its fingerprint, which is asked for with every event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) definition: Arc<SagaDefinition>,
    pub(crate) fingerprint: u64,
}

impl Definitions {
    /// No definitions: every type is folded by the rules for unknown types.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The built-in definitions of `ORDER_CREATION` and `PAYMENT_COMPLETION`.
    #[must_use]
    pub fn built_in() -> Self {
        let mut definitions = Self::none();
        for definition in built_in::all() {
            definitions.insert(definition);
        }
        definitions
    }

    /// Adds a definition, or replaces the one of the same type.
    pub fn insert(&mut self, definition: SagaDefinition) {
        let fingerprint = definition.fingerprint();
        let saga_type = definition.saga_type.clone();
        self.by_type.insert(
            saga_type,
            InForce {
                definition: Arc::new(definition),
                fingerprint,
            },
        );
    }

    /// The definition of a type.
    #[must_use]
    pub fn get(&self, saga_type: &SagaType) -> Option<&Arc<SagaDefinition>> {
        self.by_type.get(saga_type).map(|in_force| &in_force.definition)
    }

    pub(crate) fn in_force(&self, saga_type: &SagaType) -> Option<&InForce> {
        self.by_type.get(saga_type)
    }

    /// All definitions, ordered by the name of their type.
    pub fn iter(&self) -> impl Iterator<Item = &SagaDefinition> {
        self.by_type.values().map(|in_force| in_force.definition.as_ref())
    }
}
