//! How far the sagas of a type were looked at, where they are more than one look takes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use saga_types::{SagaType, Step, Timestamp};

use super::{Standstill, StandstillTally, TypeUsual};
use crate::WaitKey;

/// What is usual for the sagas of a type.
pub(crate) type OfType<'a> = (&'a SagaType, &'a TypeUsual);

/// The last saga that was looked at; those that come behind it are left.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The step behind which they wait, where no definition says what they wait for.
    pub(crate) behind: Option<Step>,
    pub(crate) started_at: Timestamp,
    /// Empty before the first one of that time.
    pub(crate) saga_id: String,
}

impl Place {
    /// Before the first saga of a time.
    pub(crate) fn at(behind: Option<Step>, started_at: Timestamp) -> Self {
        Self {
            behind,
            started_at,
            saga_id: String::new(),
        }
    }
}

/// From the first saga of a type to the last one, in as many looks as it takes.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// None at the beginning, and when it has ended.
    pub(crate) place: Option<Place>,
    pub(crate) tally: StandstillTally,
}

/// The rounds that have not ended, by type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounds(Arc<Mutex<BTreeMap<SagaType, Round>>>);

impl Rounds {
    /// The one that goes on, or a new one.
    pub(crate) fn take(&self, saga_type: &SagaType) -> Round {
        let mut rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.remove(saga_type).unwrap_or_default()
    }

    pub(crate) fn put(&self, saga_type: &SagaType, round: Round) {
        let mut rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.insert(saga_type.clone(), round);
    }
}

/// The standstills of types whose rounds have not ended: what was known before, until a round has found more.
pub(crate) fn merged(
    before: Vec<Standstill>,
    so_far: &BTreeMap<&SagaType, Vec<Standstill>>,
) -> Vec<Standstill> {
    let mut merged: BTreeMap<(SagaType, WaitKey), Standstill> = BTreeMap::new();
    let before = before
        .into_iter()
        .filter(|standstill| so_far.contains_key(&standstill.saga_type));
    for standstill in before.chain(so_far.values().flatten().cloned()) {
        let wait = (standstill.after.clone(), standstill.step.clone());
        let key = (standstill.saga_type.clone(), wait);
        if merged
            .get(&key)
            .is_none_or(|known| known.sagas < standstill.sagas)
        {
            merged.insert(key, standstill);
        }
    }
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_a_round_goes_on_a_standstill_is_neither_forgotten_nor_kept_back() {
        let step = |name: &str| Step::new(name).unwrap();
        let standstill = |saga_type: &SagaType, name: &str, sagas: u64| Standstill {
            saga_type: saga_type.clone(),
            after: None,
            step: step(name),
            sagas,
            since: Timestamp::MIN,
            usual_p50_ms: 1,
            others_p50_ms: None,
        };
        let (going_on, ended) = (SagaType::ORDER_CREATION, SagaType::REFUND);
        let before = vec![
            standstill(&going_on, "A", 9),
            standstill(&going_on, "B", 9),
            standstill(&ended, "A", 9),
        ];
        let so_far = vec![standstill(&going_on, "B", 10), standstill(&going_on, "C", 5)];
        let merged = merged(before, &BTreeMap::from([(&going_on, so_far)]));
        let merged: Vec<(Step, u64)> = merged
            .into_iter()
            .map(|standstill| {
                assert_eq!(standstill.saga_type, going_on);
                (standstill.step, standstill.sagas)
            })
            .collect();
        assert_eq!(merged, [(step("A"), 9), (step("B"), 10), (step("C"), 5)]);
    }
}
