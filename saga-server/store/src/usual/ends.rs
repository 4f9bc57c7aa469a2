//! When a saga will probably have ended.
//!
//! A saga that has already waited for long takes longer than others from here on. So of each step that was done last there are
//! levels: when sagas ended that waited longer than the level says. Between two levels it is interpolated.

use std::time::Duration;

use saga_types::Timestamp;

use super::ENOUGH;
use crate::period::nearest_rank;

/// When sagas ended that waited longer than this behind a step, counted from when the step was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndLevel {
    /// They waited longer than so many milliseconds; the first level is of all.
    pub waited_ms: i64,
    /// How many sagas that is.
    pub observations: u64,
    /// Half of them had ended after so long.
    pub p50_ms: i64,
    /// 90 of 100 had.
    pub p90_ms: i64,
}

/// When a saga will have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedEnd {
    /// As likely before as after; none when that is over already.
    pub p50: Option<Timestamp>,
    /// In 90 of 100 cases before.
    pub p90: Timestamp,
}

/// Where levels are, as shares of the waits in thousandths.
const LEVELS: [usize; 15] = [
    100, 200, 300, 400, 500, 600, 700, 800, 850, 900, 930, 950, 970, 980, 990,
];

/// A level is of at least so many sagas.
const LEVEL: usize = 50;

/// The levels of sagas, each by how long it waited for its next step or its end, and when it ended, both counted from when the
/// step was done. None of too few.
pub(super) fn levels(mut observed: Vec<(i64, i64)>) -> Vec<EndLevel> {
    if (observed.len() as u64) < ENOUGH {
        return Vec::new();
    }
    observed.sort_unstable();
    let waits: Vec<i64> = observed.iter().map(|(waited, _)| *waited).collect();
    let bounds = LEVELS
        .iter()
        .filter_map(|per_mille| nearest_rank(&waits, *per_mille));
    let mut levels: Vec<EndLevel> = Vec::new();
    for waited_ms in std::iter::once(-1).chain(bounds) {
        let longer = &observed[waits.partition_point(|wait| *wait <= waited_ms)..];
        if longer.len() < LEVEL || levels.last().is_some_and(|level| level.waited_ms >= waited_ms) {
            continue;
        }
        let mut ends: Vec<i64> = longer.iter().map(|(_, end)| *end).collect();
        ends.sort_unstable();
        if let (Some(p50_ms), Some(p90_ms)) = (nearest_rank(&ends, 500), nearest_rank(&ends, 900)) {
            levels.push(EndLevel {
                waited_ms,
                observations: longer.len() as u64,
                p50_ms,
                p90_ms,
            });
        }
    }
    levels
}

/// When a saga ends that has waited since a step was done; none when it waits for longer than is known of.
pub(super) fn expected(levels: &[EndLevel], since: Timestamp, moment: Timestamp) -> Option<ExpectedEnd> {
    let waited_ms = moment.millis_since(since).max(0);
    let next = levels.partition_point(|level| level.waited_ms <= waited_ms);
    let level = levels.get(next.checked_sub(1)?)?;
    let at = |of: fn(&EndLevel) -> i64| {
        let millis = match levels.get(next) {
            Some(next) => between(level.waited_ms, of(level), next.waited_ms, of(next), waited_ms),
            None => of(level),
        };
        let millis = u64::try_from(millis).ok()?;
        Some(since.saturating_add(Duration::from_millis(millis))).filter(|end| *end > moment)
    };
    Some(ExpectedEnd {
        p50: at(|level| level.p50_ms),
        p90: at(|level| level.p90_ms)?,
    })
}

/// On the line between two points.
fn between(from: i64, from_value: i64, to: i64, to_value: i64, at: i64) -> i64 {
    let whole = i128::from(to - from).max(1);
    let rise = i128::from(to_value - from_value) * i128::from(at - from);
    from_value + i64::try_from(rise / whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn who_has_waited_for_long_ends_later() {
        // Half take 1 s, half take 100 s.
        let observed = (0..1_000).map(|saga| {
            if saga % 2 == 0 {
                (1_000, 1_500)
            } else {
                (100_000, 100_500)
            }
        });
        let levels = levels(observed.collect());
        let early = expected(&levels, at(0), at(0)).unwrap();
        // Between two levels it is on the line between them.
        assert!((at(1_500)..at(1_600)).contains(&early.p50.unwrap()), "{early:?}");
        assert_eq!(early.p90, at(100_500));
        let late = expected(&levels, at(0), at(50_000)).unwrap();
        assert_eq!((late.p50, late.p90), (Some(at(100_500)), at(100_500)));
        assert_eq!(expected(&levels, at(0), at(100_600)), None);
    }

    #[test]
    fn few_sagas_say_nothing() {
        assert!(levels(vec![(1, 2); 199]).is_empty());
        assert_eq!(levels(vec![(1, 2); 200]).len(), 1);
        assert_eq!(expected(&[], at(0), at(1)), None);
    }

    proptest! {
        /// Of the sagas that still wait at a moment as many have ended by the moment that is said as is said.
        #[test]
        fn of_those_who_wait_nine_of_ten_end_until_then(tail in 1_i64..200, asked in 0_i64..1_500) {
            let observed: Vec<(i64, i64)> = (0..4_000).map(|saga| {
                let waited = 20 + saga / 4 + saga % 97 * tail / 10;
                (waited, waited + 50 + saga * 31 % 113)
            }).collect();
            let levels = levels(observed.clone());
            let still: Vec<&(i64, i64)> = observed.iter().filter(|(waited, _)| *waited > asked).collect();
            prop_assume!(still.len() > 400);
            let end = expected(&levels, at(0), at(asked)).unwrap();
            let until = end.p90.millis_since(at(0));
            let ended = still.iter().filter(|(_, end)| *end <= until).count();
            let share = ended * 1_000 / still.len();
            prop_assert!((860..=940).contains(&share), "{share}");
        }
    }
}
