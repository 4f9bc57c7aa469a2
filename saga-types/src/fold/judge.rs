//! The rules: from what is remembered of the events to the state.
//!
//! The rules' numbers are those of the contract (section 3, "The fold").

use super::{Anomaly, Position, SagaFold, SagaState, awaiting, running::Last, sentence};
use crate::{SagaStatus, Step, definition::SagaDefinition};

pub(super) fn judge(fold: &SagaFold, definition: Option<&SagaDefinition>) -> SagaState {
    let undone = Undone::of(fold, definition);
    let verdict = decide(fold, definition, &undone);
    let mut state = facts(fold, verdict.status);
    if let Some(end) = verdict.ended_by {
        state.ended_at = Some(end.recorded_at);
        state.duration_ms = Some(end.recorded_at.millis_since(state.started_at));
    }
    if matches!(state.current_status, SagaStatus::Failed | SagaStatus::Compensated)
        && let Some(failure) = &fold.root_failure
    {
        state.failed_step = Some(failure.step.clone());
        state.failure_reason.clone_from(&failure.reason);
    }
    if state.current_status == SagaStatus::Failed {
        state.outstanding_compensations = undone.0.iter().map(|(step, _)| (*step).clone()).collect();
    }
    if let Some(definition) = definition {
        state.awaiting = awaiting::awaiting(fold, definition, state.current_status, &undone);
    }
    state.anomalies = anomalies(fold, &verdict);
    state.summary = sentence::summary(&state);
    state
}

/// What the events say without any rule.
fn facts(fold: &SagaFold, current_status: SagaStatus) -> SagaState {
    SagaState {
        saga_id: fold.saga_id.clone(),
        saga_type: fold.first.saga_type.clone(),
        order_id: fold.first.order_id.clone(),
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

/// Effects that stand although the saga may have failed, in forward order, with the event that made them.
pub(super) struct Undone<'a>(pub(super) Vec<(&'a Step, &'a Position)>);

impl<'a> Undone<'a> {
    fn of(fold: &'a SagaFold, definition: Option<&'a SagaDefinition>) -> Self {
        let forward = definition.into_iter().flat_map(|definition| &definition.forward);
        Self(
            forward
                .filter_map(|forward| {
                    let since = fold.effects.get(&forward.step)?.outstanding_since()?;
                    Some((&forward.step, since))
                })
                .collect(),
        )
    }
}

struct Verdict<'a> {
    status: SagaStatus,
    /// Only of a terminal status.
    ended_by: Option<&'a Position>,
}

fn decide<'a>(fold: &'a SagaFold, definition: Option<&SagaDefinition>, undone: &Undone<'_>) -> Verdict<'a> {
    let completing = last_completing(fold, definition);
    let overridden = fold.last_override.as_ref().map(|(position, _)| position);
    let way_back = fold.last_failed.as_ref().max(fold.last_compensated.as_ref());
    let last_decisive = completing.max(overridden).max(way_back);
    let Some(last_decisive) = last_decisive else {
        // Rule 2.
        let status = if fold.has_progress {
            SagaStatus::InProgress
        } else {
            SagaStatus::Started
        };
        return Verdict {
            status,
            ended_by: None,
        };
    };
    // An override comes first: it is also a FAILED or COMPENSATED event by its status.
    if let Some((position, status)) = &fold.last_override
        && position == last_decisive
    {
        // Rule 4.
        return Verdict {
            status: *status,
            ended_by: status.is_terminal().then_some(position),
        };
    }
    if completing == Some(last_decisive) {
        // Rule 3.
        return Verdict {
            status: SagaStatus::Completed,
            ended_by: completing,
        };
    }
    // Rule 5.
    let last_is_compensated = fold.last_compensated.as_ref() == Some(last_decisive);
    let is_compensated = match definition {
        Some(_) => fold.last_compensated.is_some() && undone.0.is_empty(),
        None => last_is_compensated,
    };
    let (status, ended_by) = if is_compensated {
        (SagaStatus::Compensated, fold.last_compensated.as_ref())
    } else {
        (SagaStatus::Failed, fold.last_failed.as_ref())
    };
    // Something was compensated although nothing is known to have failed.
    Verdict {
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

fn anomalies(fold: &SagaFold, verdict: &Verdict<'_>) -> Vec<Anomaly> {
    let goes_on_after_completion = verdict.status == SagaStatus::Completed
        && verdict.ended_by.is_some_and(|end| *end != fold.last.position);
    let found = [
        (Anomaly::EventAfterCompletion, goes_on_after_completion),
        (Anomaly::OrderIdMismatch, fold.orders_differ),
        (Anomaly::SagaTypeMismatch, fold.types_differ),
        (Anomaly::UnknownStep, fold.has_unknown_step),
    ];
    found
        .into_iter()
        .filter(|(_, is_found)| *is_found)
        .map(|(anomaly, _)| anomaly)
        .collect()
}
