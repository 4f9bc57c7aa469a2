//! The rules: from what is remembered of the events to the state.
//!
//! The rules' numbers are those of the contract (section 3, "The fold").

use super::{
    Anomaly, OpenWaits, Position, SagaFold, SagaState, awaiting,
    effects::Outstanding,
    running::{Last, definition, fingerprint},
    sentence,
};
use crate::{
    SagaStatus, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
};

impl SagaFold {
    /// The state that the events so far give. `None` when the definition or the rules changed since they were folded.
    #[must_use]
    pub fn try_state(&self, definitions: &Definitions) -> Option<SagaState> {
        let (state, _) = self.try_state_and_waits(definitions)?;
        Some(state)
    }

    /// The same with what the saga waits behind, for those who compare it with other sagas.
    #[must_use]
    pub fn try_state_and_waits(&self, definitions: &Definitions) -> Option<(SagaState, OpenWaits)> {
        let in_force = definitions.entry_in_force(&self.first.saga_type, self.first.position.recorded_at);
        (self.definition == fingerprint(in_force)).then(|| evaluate(self, definition(in_force)))
    }
}

fn evaluate(fold: &SagaFold, definition: Option<&SagaDefinition>) -> (SagaState, OpenWaits) {
    let outstanding = fold.outstanding(definition);
    let outcome = decide(fold, definition, &outstanding);
    let mut state = facts(fold, outcome.status);
    if let Some(end) = outcome.ended_by {
        state.ended_at = Some(end.recorded_at);
        // The moment of an override is when somebody looked, not how long the saga took.
        let is_measured = !fold.is_override(end);
        state.duration_ms = is_measured.then(|| end.recorded_at.millis_since(state.started_at));
    }
    if matches!(state.current_status, SagaStatus::Failed | SagaStatus::Compensated)
        && let Some(failure) = &fold.root_failure
    {
        state.failed_step = Some(failure.step.clone());
        state.failure_reason.clone_from(&failure.reason);
    }
    if state.current_status == SagaStatus::Failed {
        state.outstanding_compensations = outstanding.0.iter().map(|(step, _)| (*step).clone()).collect();
    }
    let mut waits = OpenWaits {
        last_done: last_done(fold),
        after: Vec::new(),
    };
    if let Some(definition) = definition {
        (state.awaiting, waits.after) =
            awaiting::awaiting(fold, definition, state.current_status, &outstanding);
    }
    state.anomalies = anomalies(fold, &outcome);
    state.summary = sentence::summary(&state);
    (state, waits)
}

fn last_done(fold: &SagaFold) -> Option<(Step, Timestamp)> {
    let (step, done) = fold.done.iter().max_by_key(|(step, done)| (**done, *step))?;
    Some((step.clone(), done.0))
}

/// What the events say without any rule.
fn facts(fold: &SagaFold, current_status: SagaStatus) -> SagaState {
    SagaState {
        saga_id: fold.saga_id.clone(),
        saga_type: fold.first.saga_type.clone(),
        order_id: fold.first.order_id.clone(),
        parent_saga_id: fold.parent.as_ref().map(|(_, parent)| parent.clone()),
        current_status,
        last_step: fold.last.step.clone(),
        last_trace_id: fold.last_trace.as_ref().map(|(_, trace_id)| trace_id.clone()),
        started_at: fold.first.position.recorded_at,
        updated_at: fold.last.position.recorded_at,
        step_count: fold.event_count,
        ended_at: None,
        duration_ms: None,
        failed_step: None,
        failure_reason: None,
        outstanding_compensations: Vec::new(),
        awaiting: Vec::new(),
        services: fold.services.iter().cloned().collect(),
        summary: String::new(),
        anomalies: Vec::new(),
    }
}

struct Outcome<'a> {
    status: SagaStatus,
    /// Only of a terminal status.
    ended_by: Option<&'a Position>,
}

fn decide<'a>(
    fold: &'a SagaFold,
    definition: Option<&SagaDefinition>,
    outstanding: &Outstanding<'_>,
) -> Outcome<'a> {
    let completing = last_completing(fold, definition);
    let overridden = fold.last_override.as_ref().map(|(position, _)| position);
    let last_failed_or_compensated = fold.last_failed.as_ref().max(fold.last_compensated.as_ref());
    let last_decisive = completing.max(overridden).max(last_failed_or_compensated);
    let Some(last_decisive) = last_decisive else {
        // Rule 2.
        let status = if fold.has_progress {
            SagaStatus::InProgress
        } else {
            SagaStatus::Started
        };
        return Outcome {
            status,
            ended_by: None,
        };
    };
    // An override comes first: it is also a FAILED or COMPENSATED event by its status.
    if let Some((position, status)) = &fold.last_override
        && position == last_decisive
    {
        // Rule 4.
        return Outcome {
            status: *status,
            ended_by: status.is_terminal().then_some(position),
        };
    }
    if completing == Some(last_decisive) {
        // Rule 3.
        return Outcome {
            status: SagaStatus::Completed,
            ended_by: completing,
        };
    }
    // Rule 5.
    let last_is_compensated = fold.last_compensated.as_ref() == Some(last_decisive);
    let is_compensated = match definition {
        Some(_) => fold.last_compensated.is_some() && outstanding.0.is_empty(),
        None => last_is_compensated,
    };
    let (status, ended_by) = if is_compensated {
        (SagaStatus::Compensated, fold.last_compensated.as_ref())
    } else {
        (SagaStatus::Failed, fold.last_failed.as_ref())
    };
    // Something was compensated although nothing is known to have failed.
    Outcome {
        status,
        ended_by: ended_by.or(Some(last_decisive)),
    }
}

/// For a type without definition, a COMPLETED event counts only as the last of all.
fn last_completing<'a>(fold: &'a SagaFold, definition: Option<&SagaDefinition>) -> Option<&'a Position> {
    let Last { position, status, .. } = &fold.last;
    match definition {
        Some(_) => fold.last_completing.as_ref(),
        None => (*status == SagaStatus::Completed).then_some(position),
    }
}

fn anomalies(fold: &SagaFold, outcome: &Outcome<'_>) -> Vec<Anomaly> {
    let has_later_event = outcome.status == SagaStatus::Completed
        && outcome.ended_by.is_some_and(|end| *end != fold.last.position);
    let found = [
        (Anomaly::EventAfterCompletion, has_later_event),
        (Anomaly::OrderIdMismatch, fold.orders_differ),
        (Anomaly::OverrideFromTopic, fold.has_override_of_topic),
        (Anomaly::SagaTypeMismatch, fold.types_differ),
        (Anomaly::UnknownStep, fold.has_unknown_step),
    ];
    found
        .into_iter()
        .filter(|(_, is_found)| *is_found)
        .map(|(anomaly, _)| anomaly)
        .collect()
}
