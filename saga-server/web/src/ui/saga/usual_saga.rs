//! A saga as it usually goes: the steps that most sagas of the type have, each after the median wait.
//!
//! Rule of thumb: of each step the way in which most sagas came to it counts, and a step that less than half of them have is none
//! of the usual ones.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use saga_store::{ENOUGH, StoredStep, TypeUsual, UsualWait};
use saga_types::{SagaStatus, Step, Timestamp};

/// Begins with the first event of a saga; empty when too little is known.
pub(super) fn usual_saga(
    first: &StoredStep,
    usual: &TypeUsual,
    owner: impl Fn(&Step) -> Option<String>,
) -> Vec<StoredStep> {
    let mut ways: BTreeMap<&Step, (Option<&Step>, &UsualWait)> = BTreeMap::new();
    for ((after, step), wait) in &usual.waits {
        let is_known = wait.observations >= ENOUGH && after.as_ref() != Some(step) && *step != first.step;
        let is_more = |(_, other): &(_, &UsualWait)| wait.observations > other.observations;
        if is_known && ways.get(step).is_none_or(is_more) {
            ways.insert(step, (after.as_ref(), wait));
        }
    }
    let most = ways
        .values()
        .map(|(_, wait)| wait.observations)
        .max()
        .unwrap_or(0);
    ways.retain(|_, (_, wait)| wait.observations * 2 >= most);
    let mut times: BTreeMap<&Step, Timestamp> = BTreeMap::from([(&first.step, first.recorded_at)]);
    // A step is placed once the one that it follows is.
    while let Some((step, at)) = next(&ways, &times, first.recorded_at) {
        times.insert(step, at);
    }
    if times.len() < 2 {
        return Vec::new();
    }
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort_by_key(|(step, at)| (*at, Reverse(*step == &first.step), *step));
    let last = times.len() - 1;
    let events = times
        .into_iter()
        .enumerate()
        .map(|(place, (step, at))| StoredStep {
            step: step.clone(),
            status: match place {
                0 => SagaStatus::Started,
                place if place == last => SagaStatus::Completed,
                _ => SagaStatus::InProgress,
            },
            producer_service: owner(step),
            trace_id: None,
            metadata: None,
            recorded_at: at,
            ..first.clone()
        });
    events.collect()
}

fn next<'a>(
    ways: &BTreeMap<&'a Step, (Option<&'a Step>, &UsualWait)>,
    times: &BTreeMap<&'a Step, Timestamp>,
    began: Timestamp,
) -> Option<(&'a Step, Timestamp)> {
    let mut open = ways.iter().filter(|(step, _)| !times.contains_key(*step));
    open.find_map(|(step, (after, wait))| {
        let since = match after {
            Some(after) => *times.get(after)?,
            None => began,
        };
        let wait = Duration::from_millis(wait.p50_ms.max(0).unsigned_abs());
        Some((*step, since.saturating_add(wait)))
    })
}

#[cfg(test)]
mod tests {
    use saga_store::WaitKey;
    use serde_json::json;

    use super::*;
    use crate::ui::saga::waterfall::event;

    fn step(name: &str) -> Step {
        Step::new(name).unwrap()
    }

    fn wait(after: &str, name: &str, observations: u64, p50_ms: i64) -> (WaitKey, UsualWait) {
        let usual = UsualWait {
            observations,
            p50_ms,
            p95_ms: p50_ms,
            p999_ms: p50_ms,
        };
        ((Some(step(after)), step(name)), usual)
    }

    fn usual(waits: Vec<(WaitKey, UsualWait)>) -> TypeUsual {
        TypeUsual {
            waits: waits.into_iter().collect(),
            ..TypeUsual::default()
        }
    }

    #[test]
    fn most_sagas_decide_what_is_usual() {
        let usual = usual(vec![
            wait("A", "B", 1_000, 50),
            wait("A", "C", 900, 200),
            wait("B", "D", 950, 70),
            wait("C", "D", 900, 30),
            wait("B", "RARE", 300, 10),
        ]);
        let first = event("A", "shop", 0, json!({}));
        let found = |usual: &TypeUsual| {
            let saga = usual_saga(&first, usual, |step| Some(format!("{step}-service")));
            let saga = saga.iter();
            saga.map(|event| {
                let after = event.recorded_at.millis_since(first.recorded_at);
                (event.step.to_string(), after, event.status)
            })
            .collect::<Vec<_>>()
        };
        let named = |name: &str, after, status| (name.to_owned(), after, status);
        assert_eq!(
            found(&usual),
            [
                named("A", 0, SagaStatus::Started),
                named("B", 50, SagaStatus::InProgress),
                named("D", 120, SagaStatus::InProgress),
                named("C", 200, SagaStatus::Completed),
            ]
        );
    }

    #[test]
    fn few_sagas_say_nothing() {
        let few = usual(vec![wait("A", "B", 199, 50)]);
        assert!(usual_saga(&event("A", "shop", 0, json!({})), &few, |_| None).is_empty());
    }
}
