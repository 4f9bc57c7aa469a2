//! Whether a group of failures is new, rising, steady, falling or back.

use crate::counts::{Share, adjusted, same_rate};

/// A change is named when at most so great a share of the changes named is expected to be none.
const FALSE_ALARMS: f64 = 0.01;

/// A rate that differs by less is the same to an operator, however many sagas show it.
const RATIO: f64 = 1.5;

/// How a group of failures developed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Seen for the first time in the period, of which there is one before to compare with.
    New,
    /// A greater share of the sagas than in the period before.
    Rising,
    /// As before, or too few to tell.
    Steady,
    /// A smaller share.
    Falling,
    /// Seen before, not at all in the period before, and now more often than by chance.
    Regressed,
}

/// What is known of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrences {
    /// Sagas of the period: in the group, of all that started.
    pub now: Share,
    /// The same of the period before.
    pub before: Share,
    /// Whether it was ever seen before the period.
    pub is_known: bool,
}

/// How each of several groups developed. They are judged together, since among hundreds some always seem to have changed.
#[must_use]
pub fn trends(groups: &[Occurrences]) -> Vec<Trend> {
    let p_values: Vec<f64> = groups
        .iter()
        .map(|group| same_rate(group.now, group.before))
        .collect();
    let adjusted = adjusted(&p_values);
    let judged = groups.iter().zip(adjusted);
    judged.map(|(group, p_value)| of(group, p_value)).collect()
}

fn of(group: &Occurrences, p_value: f64) -> Trend {
    if group.before.all == 0 {
        return Trend::Steady;
    }
    if !group.is_known && group.now.of > 0 {
        return Trend::New;
    }
    let (now, before) = (group.now.value(), group.before.value());
    if p_value > FALSE_ALARMS {
        Trend::Steady
    } else if group.before.of == 0 {
        Trend::Regressed
    } else if now > before * RATIO {
        Trend::Rising
    } else if now * RATIO < before {
        Trend::Falling
    } else {
        Trend::Steady
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(now: u64, before: u64, is_known: bool) -> Occurrences {
        let share = |of| Share { of, all: 10_000 };
        Occurrences {
            now: share(now),
            before: share(before),
            is_known,
        }
    }

    fn trend(now: u64, before: u64, is_known: bool) -> Trend {
        trends(&[group(now, before, is_known)])[0]
    }

    #[test]
    fn a_change_is_named_when_it_is_one() {
        assert_eq!(trend(1, 0, false), Trend::New);
        assert_eq!(trend(27, 3, true), Trend::Rising);
        assert_eq!(trend(5, 3, true), Trend::Steady);
        assert_eq!(trend(3, 27, true), Trend::Falling);
        assert_eq!(trend(0, 27, true), Trend::Falling);
        assert_eq!(trend(1, 0, true), Trend::Steady);
        assert_eq!(trend(20, 0, true), Trend::Regressed);
        // Certain, and of no matter.
        assert_eq!(trend(1_300, 1_000, true), Trend::Steady);
    }

    #[test]
    fn more_sagas_with_as_many_failures_each_are_no_rise() {
        let group = Occurrences {
            now: Share { of: 90, all: 9_000 },
            before: Share { of: 10, all: 1_000 },
            is_known: true,
        };
        assert_eq!(trends(&[group]), [Trend::Steady]);
    }

    #[test]
    fn without_a_period_before_nothing_is_new() {
        let group = Occurrences {
            now: Share { of: 9, all: 100 },
            before: Share::default(),
            is_known: false,
        };
        assert_eq!(trends(&[group]), [Trend::Steady]);
    }

    /// Fifty groups whose rates are the same in both periods, 300 times.
    #[test]
    fn where_nothing_changed_hardly_anything_is_named() {
        let mut random = fastrand::Rng::with_seed(21);
        let mut alarms = 0;
        for _ in 0..300 {
            let groups: Vec<Occurrences> = (0..50)
                .map(|rare| {
                    let mut drawn =
                        || (0..700).filter(|_| random.u32(0..(50 + rare * 20)) == 0).count() as u64;
                    let share = |of| Share { of, all: 700 };
                    Occurrences {
                        now: share(drawn()),
                        before: share(drawn()),
                        is_known: true,
                    }
                })
                .collect();
            alarms += usize::from(trends(&groups).iter().any(|trend| *trend != Trend::Steady));
        }
        // 1 % of the looks, and three standard errors more.
        assert!(alarms <= 8, "{alarms} of 300");
    }
}
