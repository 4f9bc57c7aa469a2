//! Which sagas two versions are compared by: those that have had the time to end.
//!
//! Of the sagas that started just now only the fastest have ended, and these fail more often than the others, or more rarely. So
//! each saga is followed for as long as sagas of its type take. Then it counts, whether it has ended or not; one that goes on has
//! not failed.
//!
//! Sagas are compared with those of the same type that started in the same minute: a version that takes part in more sagas of a
//! type that often fails is not worse for that.
//!
//! Rule of thumb: how long a saga is followed depends on its type alone, and neither on its version nor on how it ended.

use std::collections::{BTreeMap, BTreeSet};

use saga_types::SagaType;

use crate::{
    counts::Share,
    sequential::{Comparison, Minute},
};

const MINUTE_MS: i64 = 60_000;

/// No saga is followed for longer: a little more than 30 days.
const LONGEST: u64 = 1 << 16;

/// For how long the sagas of a type are followed, in whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FollowUp(i64);

impl FollowUp {
    /// As long as 99 of 100 sagas take: several such figures in milliseconds, of which the greatest counts. None of no figures.
    ///
    /// It is a power of two, so that it is the same at nearly every moment of looking.
    pub fn of(p99_ms: impl Iterator<Item = i64>) -> Option<Self> {
        let longest = p99_ms.max()?.max(1);
        let minutes = longest.unsigned_abs().div_ceil(MINUTE_MS.unsigned_abs());
        let minutes = minutes.min(LONGEST).next_power_of_two();
        i64::try_from(minutes).ok().map(Self)
    }

    /// When sagas that started within a minute have been followed for so long, as a number of minutes.
    fn end(self, minute: i64) -> i64 {
        minute + 1 + self.0
    }
}

/// A saga of one of the versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started<'a> {
    /// Its type.
    pub saga_type: &'a SagaType,
    /// When it started, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it belongs to the candidate, or else to the baseline.
    pub is_candidate: bool,
    /// Whether it has failed.
    pub has_failed: bool,
    /// For how long its type is followed; none where that is not known yet.
    pub follow_up: Option<FollowUp>,
}

/// The sagas that are compared.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// The comparison.
    pub comparison: Comparison,
    /// The places of the sagas that count for it.
    pub counted: BTreeSet<usize>,
    /// How many sagas have not been followed for long enough.
    pub too_recent: u64,
}

/// Compares sagas as they are at a moment, in milliseconds since 1970.
#[must_use]
pub fn followed(sagas: &[Started<'_>], moment_ms: i64) -> Followed {
    let mut followed = Followed::default();
    let mut strata: BTreeMap<(i64, &SagaType), (Minute, Vec<usize>)> = BTreeMap::new();
    for (place, saga) in sagas.iter().enumerate() {
        let minute = saga.at_ms.div_euclid(MINUTE_MS);
        let end = saga.follow_up.map(|follow_up| follow_up.end(minute));
        let Some(end) = end.filter(|end| end * MINUTE_MS <= moment_ms) else {
            followed.too_recent += 1;
            continue;
        };
        let (minute, places) = strata.entry((end, saga.saga_type)).or_default();
        let share = if saga.is_candidate {
            &mut minute.candidate
        } else {
            &mut minute.baseline
        };
        share.all += 1;
        share.of += u64::from(saga.has_failed);
        places.push(place);
    }
    let has_sagas = |share: Share| share.all > 0;
    // In the order in which they have been followed for long enough: who looks again sees the same ones first.
    for (minute, places) in strata.into_values() {
        followed.comparison.add(minute);
        if has_sagas(minute.baseline) && has_sagas(minute.candidate) {
            followed.counted.extend(places);
        }
    }
    followed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::{MARGIN, Verdict};

    const MINUTE: i64 = MINUTE_MS;

    static ORDER: SagaType = SagaType::ORDER_CREATION;
    static REFUND: SagaType = SagaType::REFUND;

    /// A saga with how it will have ended.
    #[derive(Clone, Copy)]
    struct Made {
        at_ms: i64,
        is_candidate: bool,
        fails: bool,
        took_ms: i64,
    }

    /// What is known of sagas at a moment, when all of a type are followed for so long.
    fn known(sagas: &[Made], moment_ms: i64, follow_up: Option<FollowUp>) -> Vec<Started<'static>> {
        let started = sagas.iter().filter(|saga| saga.at_ms <= moment_ms);
        started
            .map(|saga| Started {
                saga_type: &ORDER,
                at_ms: saga.at_ms,
                is_candidate: saga.is_candidate,
                has_failed: saga.fails && saga.at_ms + saga.took_ms <= moment_ms,
                follow_up,
            })
            .collect()
    }

    #[test]
    fn sagas_are_followed_for_a_power_of_two_of_minutes() {
        let minutes = |p99_ms: &[i64]| FollowUp::of(p99_ms.iter().copied()).map(|follow_up| follow_up.0);
        assert_eq!(minutes(&[]), None);
        assert_eq!(
            (minutes(&[0]), minutes(&[60_000]), minutes(&[60_001])),
            (Some(1), Some(1), Some(2))
        );
        assert_eq!(minutes(&[400, 5 * MINUTE, 12]), Some(8));
        assert_eq!(minutes(&[i64::MAX]), Some(1 << 16));
    }

    #[test]
    fn sagas_that_started_too_recently_do_not_count() {
        let follow_up = FollowUp::of([2 * MINUTE].into_iter());
        let saga = |minute: i64, is_candidate| Started {
            saga_type: &ORDER,
            at_ms: minute * MINUTE + 5,
            is_candidate,
            has_failed: true,
            follow_up,
        };
        let sagas = [
            saga(0, true),
            saga(0, false),
            saga(1, true),
            saga(2, true),
            saga(2, false),
        ];
        let compared = |moment| {
            let followed = followed(&sagas, moment);
            let judgement = followed.comparison.judge(MARGIN);
            (
                judgement.candidate.all,
                followed.counted.len(),
                followed.too_recent,
            )
        };
        assert_eq!(compared(3 * MINUTE - 1), (0, 0, 5));
        assert_eq!(compared(3 * MINUTE), (1, 2, 3));
        assert_eq!(
            compared(4 * MINUTE),
            (1, 2, 2),
            "the baseline has none in that minute"
        );
        assert_eq!(compared(5 * MINUTE), (2, 4, 0));
        let unknown = sagas.map(|saga| Started {
            follow_up: None,
            ..saga
        });
        assert_eq!(followed(&unknown, i64::MAX).too_recent, 5);
    }

    /// Both versions fail alike; those of the candidate that fail take ten minutes for it, all others ten seconds.
    #[test]
    fn a_version_that_takes_longer_to_fail_does_not_look_better() {
        let sagas: Vec<Made> = (0..100)
            .flat_map(|minute| (0..40).map(move |saga| (minute, saga)))
            .map(|(minute, saga)| {
                let (is_candidate, fails) = (saga % 2 == 0, saga < 4);
                Made {
                    at_ms: minute * MINUTE + saga,
                    is_candidate,
                    fails,
                    took_ms: if is_candidate && fails {
                        10 * MINUTE
                    } else {
                        10_000
                    },
                }
            })
            .collect();
        let difference = |follow_up| {
            let known = known(&sagas, 100 * MINUTE, FollowUp::of([follow_up].into_iter()));
            followed(&known, 100 * MINUTE).comparison.judge(MARGIN).difference
        };
        assert!(difference(10 * MINUTE).abs() < 1e-9);
        assert!(difference(10_000) < -0.008, "without following them it does");
    }

    /// Of either type as many fail with either version; the candidate takes part in more sagas of the one that often fails.
    #[test]
    fn a_version_that_has_more_sagas_of_a_type_that_often_fails_is_not_worse() {
        let follow_up = FollowUp::of([1].into_iter());
        let mut sagas = Vec::new();
        for minute in 0..200 {
            for (saga_type, baseline, candidate, fails_of_20) in [(&ORDER, 40, 20, 1), (&REFUND, 20, 40, 4)] {
                for (is_candidate, count) in [(false, baseline), (true, candidate)] {
                    sagas.extend((0..count).map(|saga| Started {
                        saga_type,
                        at_ms: minute * MINUTE + saga,
                        is_candidate,
                        has_failed: saga % 20 < fails_of_20,
                        follow_up,
                    }));
                }
            }
        }
        let judgement = followed(&sagas, 300 * MINUTE).comparison.judge(MARGIN);
        assert!(judgement.difference.abs() < 1e-9, "{judgement:?}");
        assert_eq!(judgement.verdict, Verdict::NotWorse);
    }

    /// Failures take longer than successes, and somebody looks every five minutes.
    #[test]
    fn of_versions_that_are_alike_at_most_one_in_twenty_is_ever_called_worse() {
        let mut random = fastrand::Rng::with_seed(9);
        let follow_up = FollowUp::of([6 * MINUTE].into_iter());
        let mut alarms = 0;
        for _ in 0..150 {
            let mut sagas = Vec::new();
            for minute in 0..100 {
                for is_candidate in [false, true] {
                    for _ in 0..random.u8(2..20) {
                        let fails = random.f64() < 0.05;
                        let most_ms = if fails { 7 * MINUTE } else { MINUTE };
                        sagas.push(Made {
                            at_ms: minute * MINUTE + random.i64(0..MINUTE),
                            is_candidate,
                            fails,
                            took_ms: random.i64(0..most_ms),
                        });
                    }
                }
            }
            let is_called = (1..=20).any(|look| {
                let moment_ms = look * 5 * MINUTE;
                let known = known(&sagas, moment_ms, follow_up);
                followed(&known, moment_ms).comparison.judge(MARGIN).verdict == Verdict::Worse
            });
            alarms += usize::from(is_called);
        }
        // 5 %, and a standard error more.
        assert!(alarms <= 10, "{alarms} of 150");
    }
}
