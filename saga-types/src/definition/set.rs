//! The definitions of all types, and which one is in force for a saga.

use std::{collections::BTreeMap, sync::Arc};

use super::{built_in, forward::ForwardStep, model::SagaDefinition};
use crate::{SagaType, Step, Timestamp};

/// The definitions of any number of saga types. A type may have several, each valid for sagas that started from a time on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Of each type: ordered by `valid_from`, the one without first; never empty.
    by_type: BTreeMap<SagaType, Vec<InForce>>,
}

/// A definition with its fingerprint, which is needed with every event.
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

    /// Adds a definition, or replaces the one of the same type with the same [`valid_from`](SagaDefinition::valid_from).
    pub fn insert(&mut self, definition: SagaDefinition) {
        let versions = self.by_type.entry(definition.saga_type.clone()).or_default();
        let new = InForce {
            fingerprint: definition.fingerprint(),
            definition: Arc::new(definition),
        };
        match versions.binary_search_by_key(&new.definition.valid_from, |version| {
            version.definition.valid_from
        }) {
            Ok(place) => versions[place] = new,
            Err(place) => versions.insert(place, new),
        }
    }

    /// The latest definition of a type, whether it is valid already or not: for answers about the type. For those about
    /// one saga see [`in_force`](Self::in_force).
    #[must_use]
    pub fn get(&self, saga_type: &SagaType) -> Option<&Arc<SagaDefinition>> {
        let latest = self.by_type.get(saga_type)?.last()?;
        Some(&latest.definition)
    }

    /// The definition for a saga that started at a moment: the last one of its type that was valid then.
    ///
    /// ```
    /// use saga_types::{SagaType, Timestamp, definition::{Definitions, SagaDefinition}};
    ///
    /// let mut definitions = Definitions::none();
    /// for (valid_from, step) in [("", "OLD_END"), ("validFrom: 2026-12-01", "NEW_END")] {
    ///     definitions.insert(SagaDefinition::from_yaml(&format!("
    /// sagaType: LOAN
    /// {valid_from}
    /// startsWith: [{step}]
    /// forward: [{{ step: {step} }}]
    /// completesWith: [{step}]
    /// "))?);
    /// }
    /// let step_at = |moment: &str| -> Result<String, Box<dyn std::error::Error>> {
    ///     let definition = definitions.in_force(&SagaType::new("LOAN")?, moment.parse()?).expect("a definition");
    ///     Ok(definition.forward[0].step.to_string())
    /// };
    /// assert_eq!(step_at("2026-11-30T23:59:59Z")?, "OLD_END");
    /// assert_eq!(step_at("2026-12-01T00:00:00Z")?, "NEW_END");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn in_force(&self, saga_type: &SagaType, started_at: Timestamp) -> Option<&Arc<SagaDefinition>> {
        Some(&self.entry_in_force(saga_type, started_at)?.definition)
    }

    /// The service that owns a step, by the latest definition of the type that names the step; none when no definition names
    /// it, or the one that does names no owner.
    #[must_use]
    pub fn owner(&self, saga_type: &SagaType, step: &Step) -> Option<&str> {
        self.forward_step(saga_type, step)?.service.as_deref()
    }

    /// The forward step as the latest definition of the type has it that names it.
    #[must_use]
    pub fn forward_step(&self, saga_type: &SagaType, step: &Step) -> Option<&ForwardStep> {
        self.of_type(saga_type)
            .filter_map(|definition| definition.forward_step(step))
            .last()
    }

    pub(crate) fn entry_in_force(&self, saga_type: &SagaType, started_at: Timestamp) -> Option<&InForce> {
        let mut versions = self.by_type.get(saga_type)?.iter();
        versions.rfind(|version| {
            version
                .definition
                .valid_from
                .is_none_or(|from| from <= started_at)
        })
    }

    /// Identifies all of them by their content: two collectors with the same value fold alike. The same in every process and
    /// version as long as the definitions read the same.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        // FNV-1a, as for one definition.
        let all = self.by_type.values().flatten();
        let bytes = all.flat_map(|version| version.fingerprint.to_be_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// All definitions, ordered by the name of their type, then by [`valid_from`](SagaDefinition::valid_from).
    pub fn iter(&self) -> impl Iterator<Item = &SagaDefinition> {
        let versions = self.by_type.values().flatten();
        versions.map(|version| version.definition.as_ref())
    }

    /// The definitions of some types, and of no others.
    #[must_use]
    pub fn only(&self, has: impl Fn(&SagaType) -> bool) -> Self {
        let kept = self.by_type.iter().filter(|(saga_type, _)| has(saga_type));
        Self {
            by_type: kept
                .map(|(saga_type, versions)| (saga_type.clone(), versions.clone()))
                .collect(),
        }
    }

    /// The definitions of one type, ordered by [`valid_from`](SagaDefinition::valid_from).
    pub fn of_type(&self, saga_type: &SagaType) -> impl Iterator<Item = &SagaDefinition> {
        let versions = self.by_type.get(saga_type).into_iter().flatten();
        versions.map(|version| version.definition.as_ref())
    }
}
