//! What is usual: how long sagas of a type wait for each step of their path, when they will probably have ended, and which of
//! those without a limit wait longer than it ever takes. Free of SQL.
//!
//! | part | what |
//! | --- | --- |
//! | `observed` | from sagas that ended to what is usual |
//! | `ends` | when a saga will probably have ended |
//! | `next` | what a saga of a type without a definition waits for |
//! | `judge` | whether a wait is longer than usual, compared with other sagas of the same time |
//! | `round` | how far the sagas of a type were looked at |
//! | `standstill` | waits that are longer than ever, of which no saga can be judged alone |
//! | `store` | the port, and what each collector holds in memory |
//!
//! Rule of thumb: what is usual is learnt from the events alone, by one collector, and kept; questions are answered from memory.
//! Of a type without a definition it is that of the transitions between the first events of steps. Nothing is said on fewer than [`ENOUGH`] observations.

mod ends;
mod judge;
mod next;
mod observed;
mod round;
mod standstill;
mod store;

use std::collections::BTreeMap;

use saga_types::{SagaType, Step, Timestamp};

use crate::{OpenWait, StoredSaga, WaitKey};

pub use ends::{EndLevel, ExpectedEnd};
pub(super) use judge::{Peers, suspect};
pub(super) use next::{steps_before, with_next};
pub(super) use observed::Observed;
pub(super) use round::{OfType, Place, Round, Rounds, merged};
pub use standstill::Standstill;
pub(super) use standstill::StandstillTally;
pub use store::{CurrentUsual, Marked, UsualStore};

/// So many observations are needed until anything is said.
pub const ENOUGH: u64 = 200;

/// How long sagas wait for a step, of those that completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsualWait {
    /// How many waits were observed.
    pub observations: u64,
    /// The middle one, in milliseconds.
    pub p50_ms: i64,
    /// What 95 of 100 did not exceed.
    pub p95_ms: i64,
    /// What 999 of 1,000 did not exceed.
    pub p999_ms: i64,
}

impl UsualWait {
    /// Nothing shorter is ever unusual: the collector looks every few seconds.
    const SHORTEST_MS: i64 = 10_000;

    /// What a wait never takes: three times what 999 of 1,000 did not exceed, and more while few were observed, since the
    /// longest of few is not the longest of many. None on fewer than [`ENOUGH`] observations.
    #[must_use]
    pub fn never_ms(&self) -> Option<i64> {
        if self.observations < ENOUGH {
            return None;
        }
        // In thousandths: 4 times on 200 observations, 3.1 times on 10,000.
        let more = (ENOUGH * 1_000_000 / self.observations).isqrt();
        let factor = 3_000 + i64::try_from(more).unwrap_or(1_000);
        let never = self.p999_ms.saturating_mul(factor) / 1_000;
        Some(never.max(Self::SHORTEST_MS))
    }
}

/// What is usual for the sagas of a type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeUsual {
    /// For each step of the path, by the step before it.
    pub waits: BTreeMap<WaitKey, UsualWait>,
    /// For each step that was done last: when the saga ends, counted from then.
    pub ends: BTreeMap<Step, Vec<EndLevel>>,
}

/// What is usual, by type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usual {
    /// Types of which sagas ended in the last days.
    pub types: BTreeMap<SagaType, TypeUsual>,
}

impl Usual {
    /// What is usual for something that a saga of a type waits for; none on too few observations.
    #[must_use]
    pub fn wait(&self, saga_type: &SagaType, wait: OpenWait<'_>) -> Option<&UsualWait> {
        let wait = self.types.get(saga_type)?.waits.get(&wait.key())?;
        (wait.observations >= ENOUGH).then_some(wait)
    }

    /// The same from one step to another one; for events that stand beside each other.
    #[must_use]
    pub fn between(&self, saga_type: &SagaType, after: &Step, step: &Step) -> Option<&UsualWait> {
        let key = (Some(after.clone()), step.clone());
        let wait = self.types.get(saga_type)?.waits.get(&key)?;
        (wait.observations >= ENOUGH).then_some(wait)
    }

    /// When a saga that goes on will probably have ended, asked at a moment.
    #[must_use]
    pub fn end(&self, saga: &StoredSaga, moment: Timestamp) -> Option<ExpectedEnd> {
        if saga.current_status.is_terminal() || saga.unusual_since.is_some() {
            return None;
        }
        // Without a definition no step is known to lead anywhere; it goes on from the last one.
        let last_event = (&saga.last_step, saga.updated_at);
        let last_done = saga.waits.last_done.as_ref().map(|(step, since)| (step, *since));
        let (step, since) = last_done.unwrap_or(last_event);
        let levels = self.types.get(&saga.saga_type)?.ends.get(step)?;
        ends::expected(levels, since, moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(observations: u64, p999_ms: i64) -> UsualWait {
        UsualWait {
            observations,
            p50_ms: 1,
            p95_ms: 2,
            p999_ms,
        }
    }

    #[test]
    fn nothing_is_unusual_on_few_observations_and_the_margin_shrinks_with_many() {
        assert_eq!(wait(199, 60_000).never_ms(), None);
        assert_eq!(wait(200, 60_000).never_ms(), Some(240_000));
        assert_eq!(wait(20_000, 60_000).never_ms(), Some(186_000));
        assert_eq!(wait(20_000, 50).never_ms(), Some(10_000));
        assert_eq!(wait(20_000, i64::MAX).never_ms(), Some(i64::MAX / 1_000));
    }
}
