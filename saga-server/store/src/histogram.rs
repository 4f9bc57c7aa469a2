//! Durations in classes, from which percentiles are estimated.
//!
//! Rule of thumb: a class begins at most a tenth above the one before, in whole milliseconds, so its middle is at most
//! 5 % away from any duration in it. The migrations make the same classes in SQL.

use std::{collections::BTreeMap, sync::LazyLock};

/// Where the classes begin.
static CLASSES: LazyLock<Vec<i64>> = LazyLock::new(|| {
    let next = |from: &i64| (*from < 1_000_000_000_000_000).then(|| (from + 1).max(from * 11 / 10));
    std::iter::successors(Some(0), next).collect()
});

/// Where the class of a duration begins; durations are not negative.
pub(super) fn class_of(duration_ms: i64) -> i64 {
    let after = CLASSES.partition_point(|from| *from <= duration_ms);
    CLASSES[after.max(1) - 1]
}

/// The middle of the class that begins there.
fn middle(from_ms: i64) -> f64 {
    let after = CLASSES.partition_point(|from| *from <= from_ms);
    let last = CLASSES.get(after).map_or(from_ms, |next| next - 1);
    millis(from_ms).midpoint(millis(last))
}

/// How many durations are in each class.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    counts: BTreeMap<i64, u64>,
    total_ms: f64,
}

impl Histogram {
    /// Adds durations of the class that begins there.
    pub(super) fn add(&mut self, from_ms: i64, count: u64, total_ms: f64) {
        *self.counts.entry(from_ms).or_default() += count;
        self.total_ms += total_ms;
    }

    fn len(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The exact average in seconds.
    pub(super) fn average_seconds(&self) -> Option<f64> {
        (self.len() > 0).then(|| self.total_ms / rank(self.len()) / 1000.0)
    }

    /// Percentiles in seconds, interpolated between the two nearest durations as `percentile_cont` does; each duration
    /// stands in the middle of its class.
    pub(super) fn percentiles_seconds<const N: usize>(&self, shares: [f64; N]) -> Option<[f64; N]> {
        let last = self.len().checked_sub(1)?;
        Some(shares.map(|share| {
            let place = share * rank(last);
            let (below, above) = (self.at(place.floor()), self.at(place.ceil()));
            (below + (above - below) * place.fract()) / 1000.0
        }))
    }

    /// The duration with so many before it, in milliseconds.
    fn at(&self, place: f64) -> f64 {
        let mut before = 0;
        let found = self.counts.iter().find(|(_, count)| {
            before += **count;
            rank(before) > place
        });
        found.map_or(0.0, |(from_ms, _)| middle(*from_ms))
    }
}

#[expect(clippy::cast_precision_loss, reason = "no database holds 2^52 sagas")]
fn rank(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a class is wider than what is lost")]
fn millis(millis: i64) -> f64 {
    millis as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_class_is_at_most_5_percent_off() {
        let longest = saga_types::Timestamp::MAX.millis_since(saga_types::Timestamp::MIN);
        for duration_ms in (0..100_000).chain([3_600_001, 86_399_999, 31_536_000_000, longest]) {
            let class = class_of(duration_ms);
            assert!(class <= duration_ms && class_of(class) == class, "{duration_ms}");
            let off = (middle(class) - millis(duration_ms)).abs();
            assert!(off <= 0.05 * millis(duration_ms), "{duration_ms} is {off} off");
        }
    }

    #[test]
    fn percentiles_are_those_of_the_durations() {
        let mut histogram = Histogram::default();
        assert_eq!(
            (histogram.average_seconds(), histogram.percentiles_seconds([0.5])),
            (None, None)
        );
        for duration_ms in 1..=1000 {
            histogram.add(class_of(duration_ms), 1, millis(duration_ms));
        }
        assert_eq!(histogram.average_seconds(), Some(0.5005));
        let found = histogram.percentiles_seconds([0.0, 0.5, 0.95, 0.99]).unwrap();
        for (found, expected) in found.into_iter().zip([0.001, 0.5005, 0.950_05, 0.990_01]) {
            assert!(
                (found - expected).abs() <= 0.05 * expected,
                "{found} is not {expected}"
            );
        }
    }
}
