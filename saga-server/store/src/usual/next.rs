//! What a saga of a type without a definition waits for, by what others did behind the same step.
//!
//! Rule of thumb: nothing is said of a step behind which sagas may end without an event that says so, or behind which anything
//! may come. What comes is one of the steps that usually do, so that a saga waits too long only when it does so for each of them.

use saga_types::{
    Step,
    fold::{Awaiting, OpenWaits, SagaState},
};

use super::{ENOUGH, TypeUsual, UsualWait, observed::KEPT};
use crate::StoredSaga;

/// Of so many sagas that went on behind a step at most one did so to a step that is too rare to be judged.
const RARE: u64 = 100;

/// The steps are alternatives of each other.
const CHOICE: &str = "next";

/// The steps behind which it is known what comes.
pub(crate) fn steps_before(usual: &TypeUsual) -> Vec<Step> {
    // Where rare waits were not kept, it is not known how rare they are together.
    if usual.waits.len() >= KEPT {
        return Vec::new();
    }
    let ends = usual.ends.keys();
    ends.filter(|step| is_known(&behind(usual, step)))
        .cloned()
        .collect()
}

/// A saga with what it waits for behind its last event, the most usual step first.
pub(crate) fn with_next(mut state: SagaState, usual: &TypeUsual) -> StoredSaga {
    let mut behind = behind(usual, &state.last_step);
    behind.retain(|(_, wait)| wait.observations >= ENOUGH);
    behind.sort_by_key(|(_, wait)| std::cmp::Reverse(wait.observations));
    let awaiting = |(step, _): (&Step, &UsualWait)| Awaiting {
        step: step.clone(),
        service: None,
        choice: Some(CHOICE.to_owned()),
        since: state.updated_at,
        deadline: None,
    };
    state.awaiting = behind.into_iter().map(awaiting).collect();
    let waits = OpenWaits {
        last_done: None,
        after: vec![Some(state.last_step.clone()); state.awaiting.len()],
    };
    StoredSaga {
        state,
        waits,
        unusual_since: None,
    }
}

/// The waits behind a step.
fn behind<'a>(usual: &'a TypeUsual, after: &Step) -> Vec<(&'a Step, &'a UsualWait)> {
    let waits = usual.waits.iter();
    waits
        .filter(|((before, _), _)| before.as_ref() == Some(after))
        .map(|((_, step), wait)| (step, wait))
        .collect()
}

fn is_known(behind: &[(&Step, &UsualWait)]) -> bool {
    let count = |is_enough: bool| -> u64 {
        let counted = behind
            .iter()
            .filter(|(_, wait)| (wait.observations >= ENOUGH) == is_enough);
        counted.map(|(_, wait)| wait.observations).sum()
    };
    let (known, rare) = (count(true), count(false));
    known > 0 && rare * RARE <= known + rare
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EndLevel;

    fn step(name: &str) -> Step {
        Step::new(name).unwrap()
    }

    /// Waits behind a step, each with how often it was observed.
    fn usual(waits: &[(&str, u64)], has_end: bool) -> TypeUsual {
        let wait = |(name, observations): &(&str, u64)| {
            let wait = UsualWait {
                observations: *observations,
                p50_ms: 1_000,
                p95_ms: 2_000,
                p999_ms: 3_000,
            };
            ((Some(step("A")), step(name)), wait)
        };
        let level = EndLevel {
            waited_ms: -1,
            observations: 1_000,
            p50_ms: 1_000,
            p90_ms: 2_000,
        };
        TypeUsual {
            waits: waits.iter().map(wait).collect(),
            ends: has_end.then(|| (step("A"), vec![level])).into_iter().collect(),
        }
    }

    #[test]
    fn what_comes_is_known_unless_much_of_it_is_rare_or_sagas_may_stop() {
        let known = |waits: &[(&str, u64)], has_end| steps_before(&usual(waits, has_end)) == [step("A")];
        assert!(known(&[("B", 1_000), ("C", 10)], true));
        assert!(!known(&[("B", 1_000), ("C", 11)], true));
        assert!(!known(&[("B", 199)], true));
        assert!(!known(&[("B", 1_000)], false), "sagas stop there");
        let names: Vec<String> = (0..KEPT).map(|number| format!("B_{number}")).collect();
        let many: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 200)).collect();
        assert!(!known(&many, true), "others were left out");
    }
}
