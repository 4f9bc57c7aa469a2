//! Sagas that wait longer than they ever did and are not stuck, since the others make no progress either.
//!
//! Rule of thumb: what cannot be judged saga by saga is reported as one: an outage in which no saga makes progress marks none as stuck,
//! and must still be reported.

use std::collections::BTreeMap;

use saga_types::{SagaType, Step, Timestamp};

use super::UsualWait;
use crate::{OpenWait, WaitKey};

/// So many sagas must wait too long for the same.
const LEAST: u64 = 5;

/// Sagas of a type that wait longer for a step than it ever takes, while others are as slow, or too few have gone on to compare
/// with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standstill {
    /// Their type.
    pub saga_type: SagaType,
    /// The step behind which they wait; none at the start of a saga.
    pub after: Option<Step>,
    /// The step for which they wait.
    pub step: Step,
    /// How many; of very many as many as were looked at so far.
    pub sagas: u64,
    /// Since when the first of them waits.
    pub since: Timestamp,
    /// How long it takes as a rule: the median, in milliseconds.
    pub usual_p50_ms: i64,
    /// How long it took those that came later and have gone on: the median, in milliseconds. None when they are too few to say.
    pub others_p50_ms: Option<i64>,
}

/// Adds up the sagas of one type.
#[derive(Debug, Default)]
pub(crate) struct StandstillTally {
    waits: BTreeMap<WaitKey, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    sagas: u64,
    since: Timestamp,
    usual_p50_ms: i64,
    others_p50_ms: Option<i64>,
}

impl StandstillTally {
    /// A saga that waits too long, beside others that took so long.
    pub(crate) fn add(&mut self, wait: OpenWait<'_>, usual: &UsualWait, others_p50_ms: Option<i64>) {
        let since = wait.awaiting.since;
        let waiting = self.waits.entry(wait.key()).or_insert(Waiting {
            sagas: 0,
            since,
            usual_p50_ms: usual.p50_ms,
            others_p50_ms: None,
        });
        waiting.sagas += 1;
        waiting.since = waiting.since.min(since);
        waiting.others_p50_ms = waiting.others_p50_ms.max(others_p50_ms);
    }

    pub(crate) fn standstills(&self, saga_type: &SagaType) -> impl Iterator<Item = Standstill> {
        let enough = self.waits.iter().filter(|(_, waiting)| waiting.sagas >= LEAST);
        enough.map(|((after, step), waiting)| Standstill {
            saga_type: saga_type.clone(),
            after: after.clone(),
            step: step.clone(),
            sagas: waiting.sagas,
            since: waiting.since,
            usual_p50_ms: waiting.usual_p50_ms,
            others_p50_ms: waiting.others_p50_ms,
        })
    }
}
