//! Whether a saga waits longer than it ever takes.
//!
//! Rule of thumb: nobody is judged alone. A saga counts as stuck only when enough others that came to the same place after it
//! have gone on, and its limit grows with how much slower than usual they were. So a night in which everything is slower makes no
//! saga stuck, and neither does an outage in which no saga makes progress; `standstill` reports both.

use std::{cmp::Ordering, collections::BTreeMap, time::Duration};

use saga_types::{Timestamp, fold::Waits};

use super::{StandstillTally, TypeUsual, UsualWait};
use crate::{OpenWait, StoredSaga, WaitKey, period::nearest_rank};

/// So many others must have gone on.
const PEERS: usize = 20;

/// A saga that waits longer than it ever takes, if others did not.
#[derive(Debug)]
pub(crate) struct Suspect<'a> {
    saga: &'a StoredSaga,
    /// What it waits for too long: one step, or the alternatives of a choice, each with what is usual.
    groups: Vec<Vec<(OpenWait<'a>, &'a UsualWait)>>,
}

/// Whether a saga that has no limit waits too long at a moment for anything that it awaits. Of a choice one step is enough, so
/// that all of them must be too late.
pub(crate) fn suspect<'a>(
    saga: &'a StoredSaga,
    usual: &'a TypeUsual,
    moment: Timestamp,
) -> Option<Suspect<'a>> {
    let mut groups: Vec<Vec<OpenWait<'a>>> = Vec::new();
    for wait in saga.open_waits().filter(|wait| wait.awaiting.deadline.is_none()) {
        let choice = &wait.awaiting.choice;
        let group = groups
            .iter_mut()
            .find(|group| choice.is_some() && group[0].awaiting.choice == *choice);
        match group {
            Some(group) => group.push(wait),
            None => groups.push(vec![wait]),
        }
    }
    let late = |wait: OpenWait<'a>| {
        let usual = usual.waits.get(&wait.key())?;
        let is_late = moment.millis_since(wait.awaiting.since) > usual.never_ms()?;
        is_late.then_some((wait, usual))
    };
    let groups: Vec<_> = groups
        .into_iter()
        .filter_map(|group| group.into_iter().map(late).collect::<Option<Vec<_>>>())
        .collect();
    (!groups.is_empty()).then_some(Suspect { saga, groups })
}

impl Suspect<'_> {
    /// When the saga started.
    pub(crate) fn started_at(&self) -> Timestamp {
        self.saga.started_at
    }

    /// What it waits for too long.
    pub(crate) fn keys(&self) -> impl Iterator<Item = WaitKey> {
        let waits = self.groups.iter().flatten();
        waits.map(|(wait, _)| wait.key())
    }

    /// Since when it is stuck, compared with others. None when it is not, or nothing can be compared; then what it waits for
    /// counts for a standstill.
    pub(crate) fn stuck_since(
        &self,
        peers: &Peers,
        moment: Timestamp,
        tally: &mut StandstillTally,
    ) -> Option<Timestamp> {
        let others: Vec<Option<i64>> = self.groups.iter().map(|group| peers.median_ms(group)).collect();
        let groups = || self.groups.iter().zip(&others);
        let since = groups().filter_map(|(group, others)| stuck_since(group, (*others)?));
        let since = since.min().filter(|since| *since < moment);
        if since.is_none() {
            for (group, others) in groups() {
                let (wait, usual) = group[0];
                tally.add(wait, usual, *others);
            }
        }
        since
    }
}

/// Other sagas of the type and of the same time: of each wait that somebody is suspected for, since when it was, and how long it
/// took.
#[derive(Debug)]
pub(crate) struct Peers(BTreeMap<WaitKey, Vec<(Timestamp, i64)>>);

impl Peers {
    /// None yet, of these waits.
    pub(crate) fn of(waits: impl Iterator<Item = WaitKey>) -> Self {
        Self(waits.map(|wait| (wait, Vec::new())).collect())
    }

    pub(crate) fn add(&mut self, waits: &Waits) {
        for wait in &waits.over {
            if let Some(of_wait) = self.0.get_mut(&(wait.after.clone(), wait.step.clone())) {
                of_wait.push((wait.since, wait.took_ms()));
            }
        }
    }

    /// How long others took that came to the same place later and have gone on; none when they are too few.
    fn median_ms(&self, group: &[(OpenWait<'_>, &UsualWait)]) -> Option<i64> {
        let mut took_ms: Vec<i64> = Vec::new();
        for (wait, _) in group {
            let of_wait = self.0.get(&wait.key())?;
            let later = of_wait.iter().filter(|(since, _)| *since > wait.awaiting.since);
            took_ms.extend(later.map(|(_, took_ms)| *took_ms));
        }
        if took_ms.len() < PEERS {
            return None;
        }
        took_ms.sort_unstable();
        nearest_rank(&took_ms, 500)
    }
}

/// Since when a saga waits too long, beside others that took so long.
fn stuck_since(group: &[(OpenWait<'_>, &UsualWait)], others_ms: i64) -> Option<Timestamp> {
    let since = group.iter().map(|(wait, usual)| {
        let never = scaled(usual.never_ms()?, others_ms, usual.p50_ms);
        Some(wait.awaiting.since.saturating_add(Duration::from_millis(never)))
    });
    since.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Grown as others are slower than usual.
fn scaled(never_ms: i64, slower_ms: i64, usual_ms: i64) -> u64 {
    let grown = match slower_ms.cmp(&usual_ms) {
        Ordering::Greater => i128::from(never_ms) * i128::from(slower_ms) / i128::from(usual_ms.max(1)),
        _ => i128::from(never_ms),
    };
    u64::try_from(grown).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use saga_types::{SagaStatus, SagaType, Step, fold::Awaiting};

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis).unwrap()
    }

    fn step(name: &str) -> Step {
        Step::new(name).unwrap()
    }

    fn usual(steps: &[&str]) -> TypeUsual {
        let wait = UsualWait {
            observations: 20_000,
            p50_ms: 1_000,
            p95_ms: 3_000,
            p999_ms: 20_000,
        };
        let waits = steps.iter().map(|name| ((Some(step("A")), step(name)), wait));
        TypeUsual {
            waits: waits.collect(),
            ..TypeUsual::default()
        }
    }

    /// A saga that waits since the first moment for these steps, each with its choice.
    fn waiting(steps: &[(&str, Option<&str>)]) -> StoredSaga {
        let event = saga_types::SagaEvent::new(
            "e".parse().unwrap(),
            "saga".parse().unwrap(),
            "order".parse().unwrap(),
            SagaType::new("OWN").unwrap(),
            step("A"),
            SagaStatus::Started,
            at(0),
        );
        let definitions = saga_types::definition::Definitions::built_in();
        let mut saga = StoredSaga::from(saga_types::fold::fold([&event], &definitions).unwrap());
        saga.waits.after = vec![Some(step("A")); steps.len()];
        saga.state.awaiting = steps
            .iter()
            .map(|(name, choice)| Awaiting {
                step: step(name),
                service: None,
                choice: choice.map(str::to_owned),
                since: at(0),
                deadline: None,
            })
            .collect();
        saga
    }

    /// Others that came later and took so long.
    fn peers(count: i64, took_ms: i64) -> Peers {
        let over = (1..=count).map(|number| (at(number * 100), took_ms));
        Peers(BTreeMap::from([
            ((Some(step("A")), step("B")), over.collect()),
            ((Some(step("A")), step("C")), Vec::new()),
        ]))
    }

    fn stuck_since(saga: &StoredSaga, usual: &TypeUsual, peers: &Peers, moment: i64) -> Option<i64> {
        let suspect = suspect(saga, usual, at(moment))?;
        let since = suspect.stuck_since(peers, at(moment), &mut StandstillTally::default())?;
        Some(since.millis_since(at(0)))
    }

    #[test]
    fn a_saga_that_others_overtook_is_stuck_beyond_what_it_never_takes() {
        let (saga, usual) = (waiting(&[("B", None)]), usual(&["B"]));
        assert_eq!(stuck_since(&saga, &usual, &peers(100, 900), 61_900), None);
        assert_eq!(stuck_since(&saga, &usual, &peers(100, 900), 62_001), Some(62_000));
    }

    #[test]
    fn nothing_is_stuck_when_nothing_was_compared() {
        let (saga, usual) = (waiting(&[("B", None)]), usual(&["B"]));
        assert_eq!(stuck_since(&saga, &usual, &peers(19, 900), 90_000), None);
        let mut before = peers(100, 900);
        for (since, _) in before.0.values_mut().flatten() {
            *since = at(-500);
        }
        assert_eq!(stuck_since(&saga, &usual, &before, 90_000), None);
    }

    #[test]
    fn a_limit_grows_with_how_much_slower_all_are() {
        let (saga, usual) = (waiting(&[("B", None)]), usual(&["B"]));
        assert_eq!(stuck_since(&saga, &usual, &peers(100, 10_000), 600_000), None);
        assert_eq!(
            stuck_since(&saga, &usual, &peers(100, 10_000), 620_001),
            Some(620_000)
        );
    }

    #[test]
    fn what_cannot_be_judged_saga_by_saga_is_a_standstill() {
        let (saga, usual) = (waiting(&[("B", None)]), usual(&["B"]));
        let found = |sagas: usize, peers: &Peers, moment: i64| {
            let mut tally = StandstillTally::default();
            for _ in 0..sagas {
                let suspect = suspect(&saga, &usual, at(moment)).unwrap();
                suspect.stuck_since(peers, at(moment), &mut tally);
            }
            tally.standstills(&saga.saga_type).next()
        };
        assert_eq!(found(4, &peers(19, 900), 90_000), None, "too few");
        let nobody = found(5, &peers(19, 900), 90_000).unwrap();
        assert_eq!(
            (
                nobody.sagas,
                nobody.step.as_str(),
                nobody.since,
                nobody.others_p50_ms
            ),
            (5, "B", at(0), None)
        );
        let slower = found(7, &peers(100, 10_000), 600_000).unwrap();
        assert_eq!((slower.sagas, slower.others_p50_ms), (7, Some(10_000)));
        assert_eq!(found(7, &peers(100, 900), 90_000), None, "they are stuck");
    }

    #[test]
    fn of_a_choice_every_alternative_must_be_too_late() {
        let saga = waiting(&[("B", Some("way")), ("C", Some("way"))]);
        assert_eq!(stuck_since(&saga, &usual(&["B"]), &peers(100, 900), 90_000), None);
        assert_eq!(
            stuck_since(&saga, &usual(&["B", "C"]), &peers(100, 900), 90_000),
            Some(62_000)
        );
        let saga = waiting(&[("B", None), ("C", None)]);
        assert_eq!(
            stuck_since(&saga, &usual(&["B"]), &peers(100, 900), 90_000),
            Some(62_000)
        );
    }

    #[test]
    fn a_saga_with_a_limit_is_left_to_it() {
        let mut saga = waiting(&[("B", None)]);
        saga.state.awaiting[0].deadline = Some(at(1_000_000));
        assert_eq!(stuck_since(&saga, &usual(&["B"]), &peers(100, 900), 90_000), None);
    }
}
