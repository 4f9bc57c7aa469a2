//! What is usual beside what a saga waited for.
//!
//! Rule of thumb: nothing is marked in a saga that went as others do. A wait is above what is usual when 95 of 100 were shorter,
//! and only worth a mark when it is a good part of the whole.

use saga_store::{Usual, UsualWait};
use saga_types::SagaType;

use super::{Lane, Span};
use crate::ui::humanize::{length, number};

/// A step is looked for behind so many of those before it.
const FAR: usize = 64;

/// A wait below this is never marked, in percent of the whole.
const WORTH_MARKING: i64 = 10;

/// Finds for each lane of a step what is usual: from the step that was done last before it, of those right before it.
pub(super) fn find(lanes: &mut [Lane], usual: &Usual, saga_type: &SagaType) {
    for place in 1..lanes.len() {
        let (before, rest) = lanes.split_at_mut(place);
        let lane = &mut rest[0];
        let Some(step) = lane.own_step() else { continue };
        let before = before.iter().rev().take(FAR);
        lane.usual = before
            .filter_map(Lane::own_step)
            .find_map(|after| usual.between(saga_type, after, step).copied());
    }
}

/// What a row says of it.
pub(in crate::ui::saga) struct Beside {
    /// The median; none where too few were observed.
    pub(in crate::ui::saga) median: Option<String>,
    /// From what it is known, or why it is not.
    pub(in crate::ui::saga) title: String,
    pub(in crate::ui::saga) is_above: bool,
}

impl Beside {
    pub(super) fn of(usual: Option<&UsualWait>, waited_ms: i64, whole_ms: i64) -> Self {
        let Some(usual) = usual else {
            return Self {
                median: None,
                title: format!("not known: fewer than {} waits in 7 days", saga_store::ENOUGH),
                is_above: false,
            };
        };
        Self {
            median: Some(length(usual.p50_ms)),
            title: format!(
                "median of {} waits in 7 days, p95 {}",
                number(usual.observations),
                length(usual.p95_ms)
            ),
            is_above: waited_ms > usual.p95_ms && waited_ms * 100 > whole_ms * WORTH_MARKING,
        }
    }

    /// Of a lane: until its step was tried last. What follows with another status is its work, which is not waited for in what
    /// is usual.
    pub(super) fn of_lane(lane: &Lane, whole_ms: i64) -> Self {
        let first = lane.events.first().map(|event| event.status);
        let tries = lane.events.iter().filter(|event| Some(event.status) == first);
        let last = tries.map(|event| event.recorded_at).max();
        let waits = lane.waits.iter().map(|wait| {
            let to = last.map_or(wait.to, |last| wait.to.min(last));
            Span { to, ..*wait }.millis()
        });
        Self::of(lane.usual.as_ref(), waits.sum(), whole_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use saga_store::{StoredStep, TypeUsual};
    use saga_types::{SagaStatus, Step};
    use serde_json::json;

    use super::*;
    use crate::ui::saga::waterfall::{Grouping, lanes, lanes::tests::event};

    fn usual_of(waits: &[(&str, &str, u64, i64)]) -> Usual {
        let step = |name: &str| Step::new(name).unwrap();
        let waits = waits.iter().map(|(after, name, observations, p50_ms)| {
            let wait = UsualWait {
                observations: *observations,
                p50_ms: *p50_ms,
                p95_ms: p50_ms * 2,
                p999_ms: p50_ms * 4,
            };
            ((Some(step(after)), step(name)), wait)
        });
        let of_type = TypeUsual {
            waits: waits.collect(),
            ..TypeUsual::default()
        };
        Usual {
            types: BTreeMap::from([(SagaType::ORDER_CREATION, of_type)]),
        }
    }

    /// The median of each row, and whether its wait is above what is usual.
    fn found(events: &[StoredStep], usual: &Usual) -> Vec<(Option<String>, bool)> {
        let mut lanes = lanes(events, None, Grouping::Steps);
        find(&mut lanes, usual, &SagaType::ORDER_CREATION);
        let whole_ms = lanes.iter().map(|lane| lane.share_ms).sum();
        let beside = lanes.iter().map(|lane| Beside::of_lane(lane, whole_ms));
        beside.map(|beside| (beside.median, beside.is_above)).collect()
    }

    fn median(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_wait_is_above_the_usual_when_it_exceeds_p95_and_a_tenth_of_the_whole() {
        let usual = usual_of(&[("A", "B", 200, 40), ("B", "C", 200, 400), ("C", "D", 200, 400)]);
        let events = |c: i64, d: i64| {
            [
                event("A", "one", 0, json!({})),
                // More than twice as long as usual, but hardly any of the whole.
                event("B", "one", 90, json!({})),
                event("C", "one", 90 + c, json!({})),
                event("D", "one", 90 + c + d, json!({})),
            ]
        };
        let medians = |c, d| {
            [
                (None, false),
                (median("40 ms"), false),
                (median("400 ms"), c),
                (median("400 ms"), d),
            ]
        };
        assert_eq!(found(&events(800, 800), &usual), medians(false, false));
        assert_eq!(found(&events(801, 800), &usual), medians(true, false));
        assert_eq!(found(&events(801, 9_000), &usual), medians(false, true));
    }

    #[test]
    fn the_step_done_last_of_those_right_before_it_counts_and_repeats_and_others_between_do_not() {
        let usual = usual_of(&[("A", "C", 200, 700), ("B", "C", 200, 70)]);
        let row = |events: &[StoredStep]| found(events, &usual).pop().unwrap().0;
        let at = |step, millis| event(step, "one", millis, json!({}));
        assert_eq!(row(&[at("A", 0), at("B", 1), at("C", 2)]), median("70 ms"));
        assert_eq!(row(&[at("A", 0), at("X", 1), at("C", 2)]), median("700 ms"));
        assert_eq!(
            row(&[at("A", 0), at("B", 1), at("A", 2), at("C", 3)]),
            median("70 ms")
        );
        assert_eq!(row(&[at("X", 0), at("C", 1)]), None);
    }

    #[test]
    fn retries_are_waited_for_and_work_behind_the_first_event_is_not() {
        let usual = usual_of(&[("A", "B", 200, 40)]);
        let mut events = [
            event("A", "one", 0, json!({})),
            event("B", "one", 40, json!({})),
            event("B", "one", 5_000, json!({})),
        ];
        assert_eq!(found(&events, &usual)[1], (median("40 ms"), true));
        events[2].status = SagaStatus::Completed;
        assert_eq!(found(&events, &usual)[1], (median("40 ms"), false));
    }

    #[test]
    fn nothing_is_usual_on_few_observations_or_for_services() {
        let events = [
            event("A", "one", 0, json!({})),
            event("B", "two", 40_000, json!({})),
        ];
        let few = usual_of(&[("A", "B", 199, 40)]);
        assert_eq!(found(&events, &few)[1], (None, false));
        let mut services = lanes(&events, None, Grouping::Services);
        find(
            &mut services,
            &usual_of(&[("A", "B", 200, 40)]),
            &SagaType::ORDER_CREATION,
        );
        assert!(services.iter().all(|lane| lane.usual.is_none()));
    }
}
