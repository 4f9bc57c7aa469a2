//! What a search has to find: sagas folded from all events, and each filter as a plain loop over them.

use std::collections::BTreeSet;

use saga_store::SagaQuery;
use saga_types::{
    SagaEvent,
    fold::{Awaiting, SagaState},
};

use super::events::folded;

/// A query without filters, newest first.
pub(crate) fn everything() -> SagaQuery {
    SagaQuery::newest(100)
}

/// The sagas of some events, each with its events.
pub(crate) fn sagas(events: &[SagaEvent]) -> Vec<(SagaState, Vec<SagaEvent>)> {
    let saga_ids: BTreeSet<&str> = events.iter().map(|event| event.saga_id.as_str()).collect();
    let of_saga = |saga_id: &str| {
        events
            .iter()
            .filter(|event| event.saga_id == *saga_id)
            .cloned()
            .collect()
    };
    saga_ids
        .into_iter()
        .map(|saga_id| (folded(events, saga_id).unwrap(), of_saga(saga_id)))
        .collect()
}

/// Whether a saga is what a query asks for, by looking at everything.
pub(super) fn matches(query: &SagaQuery, state: &SagaState, events: &[SagaEvent]) -> bool {
    let some_event = |says: &dyn Fn(&SagaEvent) -> bool| events.iter().any(says);
    let is_late = |moment| {
        state
            .awaiting
            .iter()
            .any(|awaiting| awaiting.deadline.is_some_and(|deadline| deadline < moment))
    };
    let has_text = |event: &SagaEvent, key: &str, value: &str| {
        let object = event
            .metadata
            .as_ref()
            .map(saga_types::Metadata::to_object)
            .unwrap_or_default();
        match object.get(key) {
            Some(serde_json::Value::String(text)) => text == value,
            Some(other) => serde_json::to_string(other).is_ok_and(|text| text == value),
            None => false,
        }
    };
    let column = |event: &SagaEvent, key: &str, wanted: &Option<String>| {
        wanted.as_ref().is_none_or(|wanted| has_text(event, key, wanted))
    };
    query
        .order_id
        .as_ref()
        .is_none_or(|order| some_event(&|event| event.order_id == *order.as_str()))
        && query
            .saga_type
            .as_ref()
            .is_none_or(|saga_type| state.saga_type == *saga_type)
        && query.status.is_none_or(|status| state.current_status == status)
        && query
            .ended
            .is_none_or(|ended| state.current_status.is_terminal() == ended)
        && query.started_from.is_none_or(|from| state.started_at >= from)
        && query.started_to.is_none_or(|to| state.started_at <= to)
        && query
            .step
            .as_ref()
            .is_none_or(|step| some_event(&|event| event.step.as_str() == step))
        && some_event(&|event| column(event, "producerService", &query.producer_service))
        && some_event(&|event| column(event, "traceId", &query.trace_id))
        && (query.failed_step.is_none()
            || state.failed_step.as_ref().map(saga_types::Step::as_str) == query.failed_step.as_deref())
        && (query.failure_reason.is_none() || state.failure_reason == query.failure_reason)
        && (query.failure_group.is_none() || state.failure_group() == query.failure_group)
        && query
            .metadata
            .iter()
            .all(|(key, value)| some_event(&|event| has_text(event, key, value)))
        && query
            .anomaly
            .is_none_or(|anomaly| state.anomalies.contains(&anomaly))
        && query
            .stuck
            .is_none_or(|(is_stuck, moment)| is_late(moment) == is_stuck)
        && matches_awaited(query, state)
        && query
            .owing
            .is_none_or(|owing| state.outstanding_compensations.is_empty() != owing)
}

/// Any entry of what is awaited may match.
fn matches_awaited(query: &SagaQuery, state: &SagaState) -> bool {
    let awaits = |is_wanted: &dyn Fn(&Awaiting) -> bool| state.awaiting.iter().any(is_wanted);
    let parent = state.parent_saga_id.as_ref().map(|parent| parent.as_str());
    let owed = state.outstanding_compensations.iter();
    (query.parent_saga_id.is_none() || parent == query.parent_saga_id.as_deref())
        && (query.awaits.as_ref()).is_none_or(|step| awaits(&|entry| entry.step.as_str() == step))
        && (query.owner.as_ref()).is_none_or(|owner| awaits(&|entry| entry.service.as_ref() == Some(owner)))
        && (query.owes.as_ref()).is_none_or(|effect| owed.clone().any(|step| step.as_str() == effect))
}
