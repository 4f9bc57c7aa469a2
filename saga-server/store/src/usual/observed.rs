//! From sagas that ended to what is usual.

use std::{cmp::Reverse, collections::BTreeMap};

use saga_types::{SagaStatus, Step, Timestamp, fold::Waits};

use super::{TypeUsual, UsualWait, ends};
use crate::{WaitKey, period::nearest_rank};

/// So many kinds of waits, and steps done last, are kept of a type: those observed most.
pub(super) const KEPT: usize = 500;

/// So many kinds of waits, and steps, are observed; of a type with more, those that come first. Of neither it is said what comes
/// behind a step.
const MANY: usize = 50_000;

/// A step behind which one of so many sagas stands without an end is one at which sagas may stop.
const STOPS: usize = 10;

/// Sagas of one type that ended, added up.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    waits: BTreeMap<WaitKey, Vec<i64>>,
    /// Behind each step: how long until the next one or the end, and until the end.
    ends: BTreeMap<Step, Vec<(i64, i64)>>,
    /// Behind each step: for how long sagas stand there that no event ended.
    standing: BTreeMap<Step, Vec<i64>>,
}

impl Observed {
    /// Adds a saga. How long waits usually are is learnt of sagas that completed; when a saga ends, of all that ended.
    pub(crate) fn add(&mut self, waits: &Waits) {
        let Some(ended_at) = waits.ended_at else { return };
        if waits.status == SagaStatus::Completed {
            for wait in &waits.over {
                let key = (wait.after.clone(), wait.step.clone());
                observe(&mut self.waits, key, wait.took_ms());
            }
        }
        for (place, (step, done_at)) in waits.done.iter().enumerate() {
            let next = waits.done.get(place + 1).map_or(ended_at, |(_, next)| *next);
            if *done_at < ended_at {
                let until = next.min(ended_at).millis_since(*done_at);
                let end = ended_at.millis_since(*done_at);
                observe(&mut self.ends, step.clone(), (until, end));
            }
        }
    }

    /// Adds a saga of a type without a definition that no event has ended: it may still go on, or end without saying so.
    pub(crate) fn stands(&mut self, waits: &Waits, moment: Timestamp) {
        if waits.status.is_terminal() {
            return;
        }
        if let Some((step, since)) = waits.done.last() {
            observe(&mut self.standing, step.clone(), moment.millis_since(*since));
        }
    }

    /// Steps behind which sagas often stand for longer than any that went on: nothing says whether these have ended.
    fn stops(&self, waits: &BTreeMap<WaitKey, UsualWait>) -> Vec<Step> {
        let is_stop = |(step, standing): &(&Step, &Vec<i64>)| {
            let behind = waits
                .iter()
                .filter(|((after, _), _)| after.as_ref() == Some(*step));
            let longest = behind
                .map(|(_, wait)| wait.p999_ms)
                .max()
                .unwrap_or(0)
                .max(UsualWait::SHORTEST_MS);
            let stopped = standing.iter().filter(|waited| **waited > longest).count();
            let went_on = self.ends.get(*step).map_or(0, Vec::len);
            stopped * STOPS >= stopped + went_on
        };
        let stops = self.standing.iter().filter(is_stop);
        stops.map(|(step, _)| step.clone()).collect()
    }

    pub(crate) fn finish(mut self) -> TypeUsual {
        let waits = most(std::mem::take(&mut self.waits))
            .into_iter()
            .filter_map(|(key, took_ms)| {
                let usual = usual(took_ms)?;
                Some((key, usual))
            });
        let waits: BTreeMap<WaitKey, UsualWait> = waits.collect();
        for step in self.stops(&waits) {
            self.ends.remove(&step);
        }
        let ends = most(self.ends)
            .into_iter()
            .map(|(step, observed)| (step, ends::levels(observed)))
            .filter(|(_, levels)| !levels.is_empty());
        TypeUsual {
            waits,
            ends: ends.collect(),
        }
    }
}

fn observe<K: Ord, V>(observed: &mut BTreeMap<K, Vec<V>>, key: K, value: V) {
    if observed.len() < MANY || observed.contains_key(&key) {
        observed.entry(key).or_default().push(value);
    }
}

fn usual(mut took_ms: Vec<i64>) -> Option<UsualWait> {
    took_ms.sort_unstable();
    Some(UsualWait {
        observations: took_ms.len() as u64,
        p50_ms: nearest_rank(&took_ms, 500)?,
        p95_ms: nearest_rank(&took_ms, 950)?,
        p999_ms: nearest_rank(&took_ms, 999)?,
    })
}

/// Those with the most observations.
fn most<K: Ord, V>(observed: BTreeMap<K, Vec<V>>) -> Vec<(K, Vec<V>)> {
    let mut observed: Vec<_> = observed.into_iter().collect();
    observed.sort_by_key(|(_, values)| Reverse(values.len()));
    observed.truncate(KEPT);
    observed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_kinds_the_first_are_observed() {
        let mut observed = BTreeMap::new();
        for key in 0..MANY + 10 {
            observe(&mut observed, key, 1);
            observe(&mut observed, 7, 1);
        }
        assert_eq!((observed.len(), observed[&7].len()), (MANY, MANY + 11));
    }
}
