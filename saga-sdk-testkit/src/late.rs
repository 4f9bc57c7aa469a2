//! Which limits of its definition a recorded saga exceeded.

use std::{collections::HashMap, time::Duration};

use saga_types::{
    SagaEvent, SagaStatus, Step, Timestamp,
    definition::{SagaDefinition, StepLimit},
    fold::SagaState,
};

/// What was done too late, and what is still awaited past its limit at the last event.
pub(crate) fn late(events: &[&SagaEvent], definition: &SagaDefinition, state: &SagaState) -> Vec<String> {
    let done = first_done(events);
    let steps = definition.limits.steps.iter();
    let too_late = steps.filter_map(|limit| done_late(limit, &done, state.started_at));
    let whole = definition.limits.whole.and_then(|whole| whole_late(whole, state));
    // Of steps that wait for the same one the first is enough.
    let awaited = state.awaiting.iter().filter_map(|awaiting| {
        let deadline = awaiting
            .deadline
            .filter(|deadline| *deadline < state.updated_at)?;
        let late = length(state.updated_at.millis_since(deadline));
        Some(format!(
            "{} is late: it was due {late} before the last event",
            awaiting.step
        ))
    });
    too_late.chain(whole).chain(awaited).collect()
}

/// When each step was first done.
fn first_done<'a>(events: &[&'a SagaEvent]) -> HashMap<&'a Step, Timestamp> {
    let mut done: HashMap<&Step, Timestamp> = HashMap::new();
    for event in events {
        if !matches!(event.status, SagaStatus::Failed | SagaStatus::Compensated) {
            let first = done.entry(&event.step).or_insert(event.recorded_at);
            *first = event.recorded_at.min(*first);
        }
    }
    done
}

fn done_late(limit: &StepLimit, done: &HashMap<&Step, Timestamp>, start: Timestamp) -> Option<String> {
    let (from, begin) = match &limit.after {
        Some(after) => (*done.get(after)?, after.as_str()),
        None => (start, "the start"),
    };
    let took = done.get(&limit.step)?.millis_since(from);
    is_over(took, limit.within).then(|| {
        let (took, within) = (length(took), humantime::format_duration(limit.within));
        format!(
            "{} is late: done {took} after {begin}, its limit is {within}",
            limit.step
        )
    })
}

fn whole_late(whole: Duration, state: &SagaState) -> Option<String> {
    let took = state.duration_ms.filter(|took| is_over(*took, whole))?;
    let (took, whole) = (length(took), humantime::format_duration(whole));
    Some(format!("the saga is late: it took {took}, its limit is {whole}"))
}

fn is_over(took: i64, limit: Duration) -> bool {
    u128::try_from(took).is_ok_and(|took| took > limit.as_millis())
}

fn length(millis: i64) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(millis.unsigned_abs()))
}
