//! Percentiles of times, by the nearest rank, and how far those of a sample are off.
//!
//! The error of a percentile of a sample comes from ranks: in 95 of 100 samples the percentile of all lies between two of the
//! times that were read, whatever their distribution is.

use super::{Sample, sample::count};

/// Shares are given in thousandths.
const MILLE: usize = 1_000;

/// How long something took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times {
    /// The middle one, in milliseconds.
    pub p50_ms: i64,
    /// What 95 of 100 did not exceed.
    pub p95_ms: i64,
    /// What 99 of 100 did not exceed.
    pub p99_ms: i64,
    /// How far off `p50_ms` is at the most, as a share of it, in 95 of 100 samples; 0 when all sagas were read, and none when those
    /// that were read are too few to say.
    pub p50_error: Option<f64>,
    /// The same of `p95_ms`.
    pub p95_error: Option<f64>,
}

impl Times {
    /// Of times in any order, which sagas of a sample took; none of no times.
    #[must_use]
    pub fn of(mut took_ms: Vec<i64>, sample: Sample) -> Option<Self> {
        took_ms.sort_unstable();
        Some(Self {
            p50_ms: nearest_rank(&took_ms, 500)?,
            p95_ms: nearest_rank(&took_ms, 950)?,
            p99_ms: nearest_rank(&took_ms, 990)?,
            p50_error: error(&took_ms, 500, sample.left_out()),
            p95_error: error(&took_ms, 950, sample.left_out()),
        })
    }
}

/// The smallest of them that so many of 1,000 do not exceed.
pub(crate) fn nearest_rank(sorted: &[i64], per_mille: usize) -> Option<i64> {
    let rank = (sorted.len() * per_mille).div_ceil(MILLE);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// How far the percentile of all is from that of these, as a share of it, when so great a share of all was left out. None where
/// it may be shorter or longer than any of these.
fn error(sorted: &[i64], per_mille: usize, left_out: f64) -> Option<f64> {
    let found = nearest_rank(sorted, per_mille)?;
    if left_out == 0.0 {
        return Some(0.0);
    }
    let length = count(sorted.len() as u64);
    let share = count(per_mille as u64) / count(MILLE as u64);
    let distance = 1.96 * (length * share * (1.0 - share) * left_out).sqrt();
    let at = |place: f64| sorted.get(index(place)?).copied().map(millis);
    let (low, high) = (
        at((length * share - distance).floor() - 1.0)?,
        at((length * share + distance).ceil())?,
    );
    let found = millis(found);
    Some((high - found).max(found - low) / found.max(1.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn index(place: f64) -> Option<usize> {
    (place >= 0.0).then_some(place as usize)
}

#[expect(clippy::cast_precision_loss, reason = "an error needs no more digits")]
fn millis(millis: i64) -> f64 {
    millis as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_nearest_rank_is_one_of_the_times() {
        assert_eq!(nearest_rank(&[], 500), None);
        assert_eq!(nearest_rank(&[7], 1), Some(7));
        let times: Vec<i64> = (1..=1_000).collect();
        assert_eq!(nearest_rank(&times, 500), Some(500));
        assert_eq!(nearest_rank(&times, 999), Some(999));
    }

    #[test]
    fn times_of_all_sagas_have_no_error() {
        let times = Times::of(vec![5, 1, 3], Sample::new(3, 3)).unwrap();
        assert_eq!((times.p50_ms, times.p95_ms), (3, 5));
        assert_eq!((times.p50_error, times.p95_error), (Some(0.0), Some(0.0)));
    }

    /// Of 20 times the greatest is the 95th percentile of all sagas, or it is shorter: how much longer that is cannot be said.
    #[test]
    fn of_few_sagas_of_a_sample_the_error_is_not_known() {
        let errors = |sagas: i64| {
            let times = Times::of(
                (1..=sagas).collect(),
                Sample::new(sagas.unsigned_abs(), 1_000_000),
            );
            let times = times.unwrap();
            (times.p50_error, times.p95_error)
        };
        assert_eq!(errors(1), (None, None));
        let (p50, p95) = errors(20);
        assert!(
            p50.is_some_and(|error| error > 0.3) && p95.is_none(),
            "{p50:?} {p95:?}"
        );
        let (p50, p95) = errors(1_000);
        assert!(
            p50.is_some() && p95.is_some_and(|error| error > 0.01),
            "{p50:?} {p95:?}"
        );
    }

    proptest! {
        /// So many of 1,000 do not exceed it, and fewer do not exceed anything smaller.
        #[test]
        fn so_many_of_1000_do_not_exceed_the_nearest_rank(mut times in prop::collection::vec(0_i64..50, 1..300), per_mille in 1_usize..=1_000) {
            times.sort_unstable();
            let found = nearest_rank(&times, per_mille).unwrap();
            let up_to = times.iter().filter(|time| **time <= found).count();
            let below = times.iter().filter(|time| **time < found).count();
            prop_assert!(up_to * MILLE >= times.len() * per_mille);
            prop_assert!(below * MILLE < times.len() * per_mille);
        }

        /// The truth is within the error of at least 93 of 100 samples, here one after the other of a known population.
        #[test]
        fn the_error_covers_the_percentile_of_all(seed in 0_u64..1_000) {
            let population: Vec<i64> = (0..20_000_i64).map(|at| 20 + at * at * at / 40_000_000).collect();
            let truth = millis(nearest_rank(&population, 950).unwrap());
            let covered = (0..40_u64).filter(|round| {
                let mut state = (seed * 1_000 + round).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                let sample: Vec<i64> = population.iter().copied().filter(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state % 10 == 0
                }).collect();
                let times = Times::of(sample.clone(), Sample::new(sample.len() as u64, 20_000)).unwrap();
                (millis(times.p95_ms) - truth).abs() <= times.p95_error.unwrap() * millis(times.p95_ms)
            }).count();
            prop_assert!(covered >= 32, "{covered} of 40");
        }
    }
}
