//! What is kept of a saga's events so far: enough for the state, and no more than the definition has steps.
//!
//! Every field is a minimum, a maximum, a count or a set, so the order in which events come cannot
//! matter. The one exception, the root failure, is guarded by [`NeedsHistory`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    FoldEvent, Position,
    effects::{Effect, Outstanding, keep_latest},
};
use crate::{
    OrderId, SagaId, SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, InForce, SagaDefinition},
};

/// Counts the versions of what a fold keeps of events. A fold that was kept under other rules is not continued: it is folded
/// again from all events of its saga.
const RULES: u64 = 2;

/// The fold of the events so far. Serializes compactly, to be kept beside the saga.
///
/// Each event must be absorbed once: the caller, who stores the events, knows which ones are new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SagaFold {
    #[serde(rename = "id")]
    pub(super) saga_id: SagaId,
    /// Identifies the definition and the rules that were followed.
    #[serde(rename = "def")]
    pub(super) definition: u64,
    #[serde(rename = "f")]
    pub(super) first: First,
    #[serde(rename = "l")]
    pub(super) last: Last,
    #[serde(rename = "n")]
    pub(super) event_count: u64,
    /// Some event is not STARTED.
    #[serde(rename = "p", default, skip_serializing_if = "is_false")]
    pub(super) has_progress: bool,
    #[serde(rename = "td", default, skip_serializing_if = "is_false")]
    pub(super) types_differ: bool,
    #[serde(rename = "od", default, skip_serializing_if = "is_false")]
    pub(super) orders_differ: bool,
    #[serde(rename = "us", default, skip_serializing_if = "is_false")]
    pub(super) has_unknown_step: bool,
    #[serde(rename = "ot", default, skip_serializing_if = "is_false")]
    pub(super) has_override_of_topic: bool,
    #[serde(rename = "sv", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) services: BTreeSet<String>,
    #[serde(rename = "tr", default, skip_serializing_if = "Option::is_none")]
    pub(super) last_trace: Option<(Position, String)>,
    /// Of the first event that names one.
    #[serde(rename = "pa", default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<(Position, SagaId)>,
    #[serde(rename = "lc", default, skip_serializing_if = "Option::is_none")]
    pub(super) last_completing: Option<Position>,
    #[serde(rename = "lf", default, skip_serializing_if = "Option::is_none")]
    pub(super) last_failed: Option<Position>,
    /// The last FAILED event is an override.
    #[serde(rename = "fo", default, skip_serializing_if = "is_false")]
    pub(super) failed_by_override: bool,
    #[serde(rename = "lx", default, skip_serializing_if = "Option::is_none")]
    pub(super) last_compensated: Option<Position>,
    /// The last COMPENSATED event is an override.
    #[serde(rename = "xo", default, skip_serializing_if = "is_false")]
    pub(super) compensated_by_override: bool,
    #[serde(rename = "lo", default, skip_serializing_if = "Option::is_none")]
    pub(super) last_override: Option<(Position, SagaStatus)>,
    /// The first FAILED event after the last completing one.
    #[serde(rename = "rf", default, skip_serializing_if = "Option::is_none")]
    pub(super) root_failure: Option<Failure>,
    /// Of each forward step that was done: when first. A completing step counts only when COMPLETED.
    #[serde(rename = "fd", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) done: BTreeMap<Step, DoneAt>,
    /// Of each compensable step that occurred: whether its effect is still there.
    #[serde(rename = "cp", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) effects: BTreeMap<Step, Effect>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct First {
    #[serde(rename = "a")]
    pub(super) position: Position,
    #[serde(rename = "t")]
    pub(super) saga_type: SagaType,
    #[serde(rename = "o")]
    pub(super) order_id: OrderId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Last {
    #[serde(rename = "a")]
    pub(super) position: Position,
    #[serde(rename = "s")]
    pub(super) step: Step,
    #[serde(rename = "st")]
    pub(super) status: SagaStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    #[serde(rename = "a")]
    pub(super) position: Position,
    #[serde(rename = "s")]
    pub(super) step: Step,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// A moment, kept as its number to stay short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "i64", try_from = "i64")]
pub(super) struct DoneAt(pub(super) Timestamp);

impl From<DoneAt> for i64 {
    fn from(done: DoneAt) -> Self {
        done.0.as_millis()
    }
}

impl TryFrom<i64> for DoneAt {
    type Error = crate::TimestampError;

    fn try_from(millis: i64) -> Result<Self, Self::Error> {
        Timestamp::from_millis(millis).map(Self)
    }
}

/// The event cannot be absorbed without knowing the events before it: fold the whole set with [`SagaFold::of`].
///
/// It happens when the event changes the saga's type, when it moves the start of the saga to where another definition is
/// valid, when a completing event comes late and lands between failures, or when the definition or the rules of the fold
/// changed since the fold was kept. The fold is then as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the event changes how earlier events count, so all events of the saga are needed")]
pub struct NeedsHistory;

impl SagaFold {
    /// Folds all events of a saga, each of which must be given once. `None` when there are none.
    #[must_use]
    pub fn of(mut events: Vec<FoldEvent>, definitions: &Definitions) -> Option<Self> {
        events.sort_unstable_by(|left, right| left.position.cmp(&right.position));
        let first = events.first()?;
        let in_force = definitions.entry_in_force(&first.saga_type, first.position.recorded_at);
        let mut fold = Self::begin(first, fingerprint(in_force));
        for event in &events {
            fold.add(event, definition(in_force));
        }
        Some(fold)
    }

    /// Absorbs one more event, which must not have been absorbed before.
    ///
    /// # Errors
    ///
    /// [`NeedsHistory`] when the events before it are needed; the fold is then unchanged.
    pub fn absorb(&mut self, event: &FoldEvent, definitions: &Definitions) -> Result<(), NeedsHistory> {
        let started_at = self.first.position.recorded_at.min(event.position.recorded_at);
        let in_force = definitions.entry_in_force(&self.first.saga_type, started_at);
        if self.definition != fingerprint(in_force) || self.rewrites_history(event, definition(in_force)) {
            return Err(NeedsHistory);
        }
        self.add(event, definition(in_force));
        Ok(())
    }

    /// The position of the first failure that counts and of the last compensation, for measuring how long undoing took.
    #[must_use]
    pub fn compensation_span(&self) -> Option<(Timestamp, Timestamp)> {
        let failed = self.root_failure.as_ref()?.position.recorded_at;
        let compensated = self.last_compensated.as_ref()?.recorded_at;
        Some((failed, compensated))
    }

    /// The effects that have not been undone.
    pub(super) fn outstanding<'a>(&'a self, definition: Option<&'a SagaDefinition>) -> Outstanding<'a> {
        Outstanding::of(&self.effects, definition)
    }

    /// Whether the event at the position is an override; it must be the last override, or the last event of its status.
    pub(super) fn is_override(&self, position: &Position) -> bool {
        let is_last_of = |last: &Option<Position>| last.as_ref() == Some(position);
        self.last_override
            .as_ref()
            .is_some_and(|(last, _)| last == position)
            || (self.failed_by_override && is_last_of(&self.last_failed))
            || (self.compensated_by_override && is_last_of(&self.last_compensated))
    }

    fn begin(first: &FoldEvent, definition: u64) -> Self {
        Self {
            saga_id: first.saga_id.clone(),
            definition,
            first: First {
                position: first.position.clone(),
                saga_type: first.saga_type.clone(),
                order_id: first.order_id.clone(),
            },
            last: Last {
                position: first.position.clone(),
                step: first.step.clone(),
                status: first.status,
            },
            event_count: 0,
            has_progress: false,
            types_differ: false,
            orders_differ: false,
            has_unknown_step: false,
            has_override_of_topic: false,
            services: BTreeSet::new(),
            last_trace: None,
            parent: None,
            last_completing: None,
            last_failed: None,
            failed_by_override: false,
            last_compensated: None,
            compensated_by_override: false,
            last_override: None,
            root_failure: None,
            done: BTreeMap::new(),
            effects: BTreeMap::new(),
        }
    }

    fn rewrites_history(&self, event: &FoldEvent, definition: Option<&SagaDefinition>) -> bool {
        let changes_type = event.position < self.first.position && event.saga_type != self.first.saga_type;
        // A completing event that covers the known root failure, but not the last failure: the failure right
        // after it becomes the root, and which one that is was not kept.
        let covers_root = self
            .root_failure
            .as_ref()
            .is_some_and(|failure| failure.position < event.position);
        let leaves_failures = self
            .last_failed
            .as_ref()
            .is_some_and(|failed| *failed > event.position);
        changes_type || (is_completing(event, definition) && covers_root && leaves_failures)
    }

    fn add(&mut self, event: &FoldEvent, definition: Option<&SagaDefinition>) {
        self.event_count += 1;
        self.has_progress |= event.status != SagaStatus::Started;
        self.types_differ |= event.saga_type != self.first.saga_type;
        self.orders_differ |= event.order_id != self.first.order_id;
        // A correction is nobody's event: what names a service came by the topic.
        self.has_override_of_topic |= event.step.is_manual_override() && event.producer_service.is_some();
        self.has_unknown_step |= definition.is_some_and(|definition| !definition.knows(&event.step));
        self.add_ends(event);
        self.add_origin(event);
        self.add_decision(event, definition);
        if let Some(definition) = definition {
            self.add_path(event, definition);
        }
    }

    fn add_ends(&mut self, event: &FoldEvent) {
        if event.position < self.first.position {
            self.first.position = event.position.clone();
            self.first.order_id = event.order_id.clone();
        }
        if event.position > self.last.position {
            self.last = Last {
                position: event.position.clone(),
                step: event.step.clone(),
                status: event.status,
            };
        }
    }

    fn add_origin(&mut self, event: &FoldEvent) {
        if let Some(service) = &event.producer_service
            && !self.services.contains(service)
        {
            self.services.insert(service.clone());
        }
        if let Some(trace_id) = &event.trace_id
            && self
                .last_trace
                .as_ref()
                .is_none_or(|(position, _)| *position < event.position)
        {
            self.last_trace = Some((event.position.clone(), trace_id.clone()));
        }
        if let Some(parent) = &event.parent_saga_id
            && self
                .parent
                .as_ref()
                .is_none_or(|(position, _)| event.position < *position)
        {
            self.parent = Some((event.position.clone(), parent.clone()));
        }
    }

    fn add_decision(&mut self, event: &FoldEvent, definition: Option<&SagaDefinition>) {
        let position = &event.position;
        if is_completing(event, definition) {
            keep_latest(&mut self.last_completing, position);
            if self
                .root_failure
                .as_ref()
                .is_some_and(|failure| failure.position < *position)
            {
                self.root_failure = None;
            }
        }
        if event.step.is_manual_override()
            && self
                .last_override
                .as_ref()
                .is_none_or(|(last, _)| last < position)
        {
            self.last_override = Some((position.clone(), event.status));
        }
        match event.status {
            SagaStatus::Failed => {
                if keep_latest(&mut self.last_failed, position) {
                    self.failed_by_override = event.step.is_manual_override();
                }
                self.add_failure(event);
            }
            SagaStatus::Compensated => {
                if keep_latest(&mut self.last_compensated, position) {
                    self.compensated_by_override = event.step.is_manual_override();
                }
            }
            SagaStatus::Started | SagaStatus::InProgress | SagaStatus::Completed => {}
        }
    }

    fn add_failure(&mut self, event: &FoldEvent) {
        let is_superseded = self
            .last_completing
            .as_ref()
            .is_some_and(|completing| *completing > event.position);
        let is_earliest = self
            .root_failure
            .as_ref()
            .is_none_or(|failure| event.position < failure.position);
        if !is_superseded && is_earliest {
            self.root_failure = Some(Failure {
                position: event.position.clone(),
                step: event.step.clone(),
                reason: event.failure_reason.clone(),
            });
        }
    }

    fn add_path(&mut self, event: &FoldEvent, definition: &SagaDefinition) {
        let is_forward = definition.path().number_of(&event.step).is_some();
        let ends_saga = definition.completes(&event.step);
        if is_forward && event.is_done() && (!ends_saga || event.status == SagaStatus::Completed) {
            let at = DoneAt(event.position.recorded_at);
            let done = self.done.entry(event.step.clone()).or_insert(at);
            *done = at.min(*done);
        }
        for compensation in &definition.compensations {
            let makes_effect = compensation.step == event.step && event.is_done();
            let undoes_effect =
                event.status == SagaStatus::Compensated && compensation.by.contains(&event.step);
            if makes_effect || undoes_effect {
                let effect = self.effects.entry(compensation.step.clone()).or_default();
                if makes_effect {
                    effect.add_done(&event.position, event.status);
                }
                if undoes_effect {
                    effect.add_compensated(&event.position);
                }
            }
        }
    }
}

pub(super) fn definition(in_force: Option<&InForce>) -> Option<&SagaDefinition> {
    in_force.map(|in_force| in_force.definition.as_ref())
}

pub(super) fn fingerprint(in_force: Option<&InForce>) -> u64 {
    in_force
        .map_or(0, |in_force| in_force.fingerprint)
        .wrapping_add(RULES)
}

fn is_completing(event: &FoldEvent, definition: Option<&SagaDefinition>) -> bool {
    event.status == SagaStatus::Completed
        && definition.is_some_and(|definition| definition.completes(&event.step))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_false(value: &bool) -> bool {
    !value
}
