//! Whether a version fails more often than another one, by a test that may be looked at at any moment.
//!
//! Both versions are compared within the same minutes, so that a busy hour or an outage that both meet tells for neither.
//!
//! *Worse* is called by an exact test: given how many sagas of a minute failed, under the hypothesis that the versions are
//! alike each of them is as likely any other's, and the likelihood ratio of every greater odds ratio to that is a martingale,
//! also when the minutes before chose the odds ratio. The mean of such ratios exceeds 1/α at any time with a probability of at
//! most α (Ville), however often somebody looks.
//!
//! *Not worse* is called when the interval of the difference, which by the same mixture idea holds at all moments together, lies
//! below the margin.
//!
//! Rule of thumb: sagas must come in an order that does not depend on how they ended, that of their start.

use crate::counts::{Share, number};

/// The probability that versions between which there is no difference are ever called worse.
pub const FALSE_ALARMS: f64 = 0.05;

/// A difference of failure rates that is of no matter, unless the caller says otherwise: two points.
pub const MARGIN: f64 = 0.02;

/// The logarithms of the odds ratios that *worse* is tested against, from failing a tenth more often to nine times as often.
const LOG_ODDS: [f64; 10] = [0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2];

/// The part of the evidence that comes from the odds ratio of a difference of [`MARGIN`] at the failure rate so far: the test
/// is strongest where a difference begins to matter. The rest comes from [`LOG_ODDS`].
const OF_MARGIN: f64 = 0.5;

/// What the failure rate so far begins with, so that the first minutes say little.
const BEFORE: Share = Share { of: 1, all: 25 };

/// The variance of the differences that the interval expects, as logarithms of odds ratios; it is right for any, and narrowest
/// for such.
const EXPECTED: f64 = 0.12;

/// Sagas of each version that are needed for a verdict: before, the first failures decide.
const LEAST: u64 = 100;

/// Sagas of both versions that started in one minute and have ended: failed, of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// Of the version that was there before.
    pub baseline: Share,
    /// Of the version that is evaluated.
    pub candidate: Share,
}

/// What can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The candidate fails more often.
    Worse,
    /// It does not, or by less than the margin.
    NotWorse,
    /// Too few sagas yet.
    NotYetKnown,
}

/// What the sagas so far say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Sagas of the baseline, in minutes in which both versions had some.
    pub baseline: Share,
    /// Sagas of the candidate in the same minutes.
    pub candidate: Share,
    /// By how much the candidate's failure rate is greater, minute by minute; 0.02 are two points.
    pub difference: f64,
    /// Where the difference is: in 95 of 100 comparisons at all moments of looking.
    pub interval: (f64, f64),
}

/// What is kept of the minutes so far.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    baseline: Share,
    candidate: Share,
    /// Failures of the candidate, beyond its part of each minute's.
    excess: f64,
    /// The variance of that when there is no difference.
    variance: f64,
    /// How great the excess becomes for each unit of difference.
    weight: f64,
    /// The logarithms of the likelihood ratios for [`LOG_ODDS`].
    ratios: [f64; LOG_ODDS.len()],
    /// The logarithm of that for [`MARGIN`].
    ratio_of_margin: f64,
}

impl Comparison {
    /// Takes a minute in. One in which a version has no sagas says nothing.
    pub fn add(&mut self, minute: Minute) {
        let Minute { baseline, candidate } = minute;
        if baseline.all == 0 || candidate.all == 0 {
            return;
        }
        // The minute itself must not choose what it is tested against.
        let of_margin = log_odds_of_margin(sum(self.baseline, self.candidate));
        self.baseline = sum(self.baseline, baseline);
        self.candidate = sum(self.candidate, candidate);
        let (failed, sagas) = (
            number(baseline.of + candidate.of),
            number(baseline.all + candidate.all),
        );
        let share = number(candidate.all) / sagas;
        self.excess += number(candidate.of) - failed * share;
        self.weight += number(baseline.all) * share;
        self.variance += number(baseline.all) * share * failed * (sagas - failed) / (sagas * (sagas - 1.0));
        let chances = chances(minute);
        let ratio = |log_odds: f64| log_odds * number(candidate.of) - log_mean(&chances, log_odds);
        for (so_far, log_odds) in self.ratios.iter_mut().zip(LOG_ODDS) {
            *so_far += ratio(log_odds);
        }
        self.ratio_of_margin += ratio(of_margin);
    }

    /// What can be said by now.
    #[must_use]
    pub fn judge(&self, margin: f64) -> Judgement {
        let interval = self.interval();
        let is_enough = self.baseline.all.min(self.candidate.all) >= LEAST;
        let verdict = if !is_enough {
            Verdict::NotYetKnown
        } else if interval.1 < margin {
            Verdict::NotWorse
        } else if self.evidence() >= -FALSE_ALARMS.ln() {
            Verdict::Worse
        } else {
            Verdict::NotYetKnown
        };
        Judgement {
            verdict,
            baseline: self.baseline,
            candidate: self.candidate,
            difference: if self.weight > 0.0 {
                self.excess / self.weight
            } else {
                0.0
            },
            interval,
        }
    }

    /// The logarithm of the mean likelihood ratio.
    fn evidence(&self) -> f64 {
        let of_any = log_sum(self.ratios.iter().copied()) - crate::counts::count(LOG_ODDS.len()).ln();
        let parts = [
            of_any + (1.0 - OF_MARGIN).ln(),
            self.ratio_of_margin + OF_MARGIN.ln(),
        ];
        log_sum(parts.into_iter())
    }

    /// The normal mixture's confidence sequence.
    fn interval(&self) -> (f64, f64) {
        if self.weight <= 0.0 {
            return (-1.0, 1.0);
        }
        // Where hardly any saga failed the variance is not known well, and not 0.
        let all = sum(self.baseline, self.candidate);
        let share = (number(all.of) + 1.0) / (number(all.all) + 2.0);
        let variance = self.variance.max(self.weight * share * (1.0 - share));
        let spread = (1.0 + EXPECTED * variance) / (FALSE_ALARMS * FALSE_ALARMS);
        let radius = ((variance + 1.0 / EXPECTED) * spread.ln()).sqrt();
        let end = |excess: f64| (excess / self.weight).clamp(-1.0, 1.0);
        (end(self.excess - radius), end(self.excess + radius))
    }
}

/// The logarithm of the odds ratio of two rates around that of these sagas, between which [`MARGIN`] is.
fn log_odds_of_margin(so_far: Share) -> f64 {
    let rate = sum(so_far, BEFORE).value();
    let lower = (rate - MARGIN / 2.0).clamp(MARGIN / 4.0, 1.0 - 2.0 * MARGIN);
    let log_odds = |rate: f64| (rate / (1.0 - rate)).ln();
    log_odds(lower + MARGIN) - log_odds(lower)
}

fn sum(left: Share, right: Share) -> Share {
    Share {
        of: left.of + right.of,
        all: left.all + right.all,
    }
}

/// How many of a minute's failures may be the candidate's, with the logarithm of the chance of each when the versions are alike.
fn chances(minute: Minute) -> Vec<(f64, f64)> {
    let Minute { baseline, candidate } = minute;
    let failed = baseline.of + candidate.of;
    let least = failed.saturating_sub(baseline.all);
    let most = failed.min(candidate.all);
    let mut chances = Vec::new();
    let mut log_weight = 0.0;
    for count in least..=most {
        chances.push((number(count), log_weight));
        if count < most {
            let more = number(failed - count) * number(candidate.all - count);
            let fewer = number(count + 1) * number(baseline.all + count + 1 - failed);
            log_weight += (more / fewer).ln();
        }
    }
    let whole = log_sum(chances.iter().map(|(_, log_weight)| *log_weight));
    for (_, log_weight) in &mut chances {
        *log_weight -= whole;
    }
    chances
}

/// The logarithm of the mean of `exp(log_odds × count)`.
fn log_mean(chances: &[(f64, f64)], log_odds: f64) -> f64 {
    log_sum(
        chances
            .iter()
            .map(|(count, log_weight)| log_odds * count + log_weight),
    )
}

/// The logarithm of a sum of exponentials.
fn log_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let greatest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    greatest + logs.map(|log| (log - greatest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulation::{Rates, looked_at_every_minute, looked_at_to_the_end};

    fn share(of: u64, all: u64) -> Share {
        Share { of, all }
    }

    #[test]
    fn the_chances_of_a_minute_are_hypergeometric() {
        // Of 3 sagas each 2 failed: none, one or both of them the candidate's.
        let minute = Minute {
            baseline: share(1, 3),
            candidate: share(1, 3),
        };
        let chances: Vec<f64> = chances(minute).iter().map(|(_, log)| log.exp()).collect();
        for (chance, expected) in chances.iter().zip([0.2, 0.6, 0.2]) {
            assert!((chance - expected).abs() < 1e-12, "{chances:?}");
        }
    }

    #[test]
    fn versions_without_common_minutes_are_not_compared() {
        let mut comparison = Comparison::default();
        for _ in 0..10_000 {
            comparison.add(Minute {
                baseline: share(0, 10),
                candidate: Share::default(),
            });
        }
        let judgement = comparison.judge(MARGIN);
        assert_eq!(judgement.verdict, Verdict::NotYetKnown);
        assert_eq!((judgement.baseline.all, judgement.interval), (0, (-1.0, 1.0)));
    }

    #[test]
    fn without_failures_a_version_is_soon_not_worse() {
        let mut comparison = Comparison::default();
        for _ in 0..200 {
            comparison.add(Minute {
                baseline: share(0, 10),
                candidate: share(0, 10),
            });
        }
        assert_eq!(comparison.judge(MARGIN).verdict, Verdict::NotWorse);
    }

    #[test]
    fn an_outage_that_both_meet_tells_for_neither() {
        let mut comparison = Comparison::default();
        for minute in 0..300 {
            let failed = if (100..140).contains(&minute) { 8 } else { 0 };
            // The candidate has more sagas while the outage lasts.
            let (baseline, candidate) = if failed > 0 { (10, 40) } else { (40, 10) };
            comparison.add(Minute {
                baseline: share(failed * baseline / 10, baseline),
                candidate: share(failed * candidate / 10, candidate),
            });
        }
        let judgement = comparison.judge(MARGIN);
        assert!(judgement.difference.abs() < 1e-9, "{judgement:?}");
        assert_ne!(judgement.verdict, Verdict::Worse);
    }

    /// Versions that are alike, looked at after every minute.
    #[test]
    fn of_versions_that_are_alike_at_most_one_in_twenty_is_ever_called_worse() {
        let mut random = fastrand::Rng::with_seed(4);
        let mut alarms = 0;
        for _ in 0..300 {
            let called = looked_at_to_the_end(&mut random, Rates::new(0.04, 0.04), 6_000, MARGIN);
            alarms += usize::from(called.worse);
        }
        assert!(alarms <= 15, "{alarms} of 300");
    }

    /// Of both versions together. Of candidates with two points more than 4 % a test that knows both rates and errs as seldom calls
    /// 86 of 100.
    #[test]
    fn two_points_more_are_called_before_5_000_sagas() {
        let mut random = fastrand::Rng::with_seed(5);
        for (rate, least) in [(0.02, 364), (0.04, 284)] {
            let called = (0..400).filter(|_| {
                let rates = Rates::new(rate, rate + 0.02);
                let ends = looked_at_every_minute(&mut random, rates, 5_000, MARGIN);
                ends.verdict == Verdict::Worse
            });
            let called = called.count();
            assert!(called >= least, "{called} of 400 at {rate}");
        }
    }

    #[test]
    fn the_odds_ratio_of_the_margin_is_bounded_at_any_failure_rate() {
        for of in 0..=1_000 {
            let log_odds = log_odds_of_margin(share(of, 1_000));
            assert!((0.05..1.7).contains(&log_odds), "{log_odds} at {of}");
        }
        // From 9 to 11 %.
        let expected = (0.11 / 0.89_f64).ln() - (0.09 / 0.91_f64).ln();
        assert!((log_odds_of_margin(share(99, 975)) - expected).abs() < 1e-9);
    }

    #[test]
    fn a_version_that_is_worse_by_more_than_the_margin_is_hardly_ever_called_not_worse() {
        let mut random = fastrand::Rng::with_seed(6);
        let mut missed = 0;
        for _ in 0..100 {
            let ends = looked_at_every_minute(&mut random, Rates::new(0.05, 0.075), 20_000, MARGIN);
            missed += usize::from(ends.verdict == Verdict::NotWorse);
        }
        assert!(missed <= 5, "{missed} of 100");
    }

    proptest! {
        /// The mean of a likelihood ratio under the hypothesis is 1, which is what makes the test exact.
        #[test]
        fn likelihood_ratios_are_fair(failed in 0_u64..40, baseline in 20_u64..60, candidate in 20_u64..60) {
            let minute = Minute {
                baseline: share(failed.min(baseline), baseline),
                candidate: share(failed - failed.min(baseline), candidate),
            };
            let chances = chances(minute);
            for log_odds in LOG_ODDS {
                let mean = log_mean(&chances, log_odds);
                let fair: f64 = chances.iter().map(|(count, log)| (log + log_odds * count - mean).exp()).sum();
                prop_assert!((fair - 1.0).abs() < 1e-9);
            }
        }

        #[test]
        fn any_minutes_give_a_judgement_within_bounds(
            minutes in prop::collection::vec((0_u64..50, 0_u64..50, 0_u64..50, 0_u64..50), 0..60),
            margin in 0.0..1.0_f64,
        ) {
            let mut comparison = Comparison::default();
            for (of, more, candidate_of, candidate_more) in minutes {
                comparison.add(Minute {
                    baseline: share(of, of + more),
                    candidate: share(candidate_of, candidate_of + candidate_more),
                });
            }
            let judgement = comparison.judge(margin);
            let (low, high) = judgement.interval;
            prop_assert!(-1.0 <= low && low <= high && high <= 1.0);
            prop_assert!(judgement.difference.is_finite());
        }
    }
}
