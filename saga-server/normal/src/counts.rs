//! Exact tests of counts and shares, and p-values of many tests at once.

use statrs::function::beta::beta_reg;

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// So many have what is counted.
    pub of: u64,
    /// All of them.
    pub all: u64,
}

impl Share {
    /// From 0 to 1; 0 of nothing.
    #[must_use]
    pub fn value(self) -> f64 {
        if self.all == 0 {
            0.0
        } else {
            number(self.of) / number(self.all)
        }
    }

    /// In how many of 100 samples of such a size a share that is really this one lies; both ends from 0 to 1. By Wilson's
    /// score, which is right for small shares and few sagas, too.
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_985;
        if self.all == 0 {
            return (0.0, 1.0);
        }
        let (share, all) = (self.value(), number(self.all));
        let middle = share + Z * Z / (2.0 * all);
        let half = Z * (share * (1.0 - share) / all + Z * Z / (4.0 * all * all)).sqrt();
        let whole = 1.0 + Z * Z / all;
        (
            ((middle - half) / whole).max(0.0),
            ((middle + half) / whole).min(1.0),
        )
    }
}

/// The p-value of two counts that come at the same rate, each out of as many chances: the probability that of `left + right`
/// events at least as uneven a part falls on either side. Exact for rare events, and too great for others, never too small.
#[must_use]
pub fn same_rate(left: Share, right: Share) -> f64 {
    let events = left.of + right.of;
    let chances = number(left.all) + number(right.all);
    if events == 0 || left.all == 0 || right.all == 0 {
        return 1.0;
    }
    let expected = number(left.all) / chances;
    let upper = at_least(left.of, events, expected);
    let lower = at_least(right.of, events, 1.0 - expected);
    (2.0 * upper.min(lower)).min(1.0)
}

/// The probability of at least so many of `trials`, each with this probability.
fn at_least(successes: u64, trials: u64, probability: f64) -> f64 {
    if successes == 0 {
        return 1.0;
    }
    let (successes, failures) = (number(successes), number(trials - successes));
    beta_reg(successes, failures + 1.0, probability.clamp(0.0, 1.0))
}

/// P-values of many tests, adjusted by Benjamini and Hochberg: of the tests whose adjusted value is at most q, a share of at most
/// q is expected to be false alarms. In the order of the tests.
#[must_use]
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|left, right| p_values[*right].total_cmp(&p_values[*left]));
    let mut adjusted = vec![1.0_f64; p_values.len()];
    let mut least = 1.0_f64;
    for (place, test) in order.into_iter().enumerate() {
        let rank = p_values.len() - place;
        least = least.min(p_values[test] * count(p_values.len()) / count(rank));
        // The quotient may be rounded down.
        adjusted[test] = least.max(p_values[test]);
    }
    adjusted
}

#[expect(clippy::cast_precision_loss, reason = "nothing is counted up to 2^52")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "nothing is counted up to 2^52")]
pub(crate) fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(of: u64, all: u64) -> Share {
        Share { of, all }
    }

    #[test]
    fn rates_are_compared_exactly() {
        // Of 10 events on equal chances all on one side: 2 of 1024.
        let p = same_rate(share(10, 1_000), share(0, 1_000));
        assert!((p - 2.0 / 1_024.0).abs() < 1e-12, "{p}");
        // Twice the chances, twice the events: nothing to see.
        assert!(same_rate(share(40, 2_000), share(20, 1_000)) > 0.9);
        assert!((same_rate(share(0, 10), share(0, 20)) - 1.0).abs() < f64::EPSILON);
        assert!((same_rate(share(5, 10), share(0, 0)) - 1.0).abs() < f64::EPSILON);
        assert!(same_rate(share(300, 1_000_000), share(10, 1_000_000)) < 1e-60);
    }

    #[test]
    fn an_interval_holds_small_shares() {
        let (low, high) = share(0, 20).interval();
        assert!(low == 0.0 && (0.15..0.18).contains(&high), "{low} {high}");
        assert_eq!(share(0, 0).interval(), (0.0, 1.0));
        let (low, high) = share(50, 100).interval();
        assert!(
            (low - 0.4038).abs() < 1e-3 && (high - 0.5962).abs() < 1e-3,
            "{low} {high}"
        );
    }

    #[test]
    fn p_values_of_many_tests_rise() {
        let adjusted = adjusted(&[0.01, 0.04, 0.03, 0.5]);
        let expected = [0.04, 0.16 / 3.0, 0.16 / 3.0, 0.5];
        for (adjusted, expected) in adjusted.iter().zip(expected) {
            assert!((adjusted - expected).abs() < 1e-12, "{adjusted} {expected}");
        }
        assert!(super::adjusted(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn a_p_value_is_a_probability_and_the_same_from_both_sides(
            left in 0_u64..5_000, right in 0_u64..5_000, more in 1_u64..1_000_000, others in 1_u64..1_000_000,
        ) {
            let (left, right) = (share(left, left + more), share(right, right + others));
            let p = same_rate(left, right);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert!((p - same_rate(right, left)).abs() < 1e-9);
        }

        #[test]
        fn an_adjusted_value_is_no_smaller_and_keeps_the_order(p_values in prop::collection::vec(0.0..1.0_f64, 1..40)) {
            let adjusted = adjusted(&p_values);
            for (left, adjusted_left) in p_values.iter().zip(&adjusted) {
                prop_assert!(adjusted_left >= left && *adjusted_left <= 1.0);
                for (right, adjusted_right) in p_values.iter().zip(&adjusted) {
                    prop_assert!(left > right || adjusted_left <= adjusted_right);
                }
            }
        }
    }
}
