//! How long sagas of a type without a definition waited: from the first event of a step to the first event of the next one.
//!
//! Rule of thumb: no definition says which step a saga waits for, so what is usual is that of transitions, as the flow has them.

use std::collections::{HashMap, HashSet};

use saga_types::fold::{StepWait, Waits};

use super::{FlowQuery, FlowStep, Outcome, path};
use crate::StoreError;

/// The sagas whose last event belongs to the step that they reached last, or is a retry of it. A saga whose last event
/// belongs to an earlier step is left out, and so is one with more events than are read, of which it is not known.
pub(crate) fn standing(events: &[FlowStep]) -> Result<HashSet<String>, StoreError> {
    let mut standing = HashSet::new();
    for saga in events.chunk_by(|before, event| before.saga_id == event.saga_id) {
        if saga.len() >= FlowQuery::EVENTS as usize {
            continue;
        }
        let visits = path::visits(saga)?;
        let (Some(visit), Some(event)) = (visits.last(), saga.last()) else {
            continue;
        };
        if event.is_of(&visit.step) {
            standing.insert(event.saga_id.clone());
        }
    }
    Ok(standing)
}

/// The same sagas with what they waited for, of all events of some of them, saga by saga, each saga's in their order.
pub(crate) fn observed_waits(
    sagas: Vec<(String, Waits)>,
    events: &[FlowStep],
) -> Result<Vec<Waits>, StoreError> {
    let mut sagas: HashMap<String, Waits> = sagas.into_iter().collect();
    let mut observed = Vec::new();
    for saga in events.chunk_by(|before, event| before.saga_id == event.saga_id) {
        let Some(waits) = sagas.remove(&saga[0].saga_id) else {
            continue;
        };
        let visits = path::visits(saga)?;
        let over = visits.windows(2).map(|pair| StepWait {
            after: Some(pair[0].step.clone()),
            step: pair[1].step.clone(),
            since: pair[0].at,
            done_at: pair[1].at,
        });
        let done = visits
            .iter()
            .filter(|visit| Outcome::from(visit.status) == Outcome::Continues);
        observed.push(Waits {
            over: over.collect(),
            done: done.map(|visit| (visit.step.clone(), visit.at)).collect(),
            ..waits
        });
    }
    Ok(observed)
}
