//! Errors of figures against plain loops, and percentiles by plain sorting.

use std::collections::BTreeMap;

use saga_store::Times;
use saga_types::SagaStatus;

/// The worst error of figures of one kind.
#[derive(Default)]
pub(super) struct Worst {
    pub(super) compared: u64,
    pub(super) error: f64,
}

impl Worst {
    pub(super) fn add(&mut self, error: f64) {
        self.compared += 1;
        self.error = self.error.max(error);
    }

    /// By how many a count is off.
    pub(super) fn add_count(&mut self, found: u64, truth: u64) {
        self.add(number(found.abs_diff(truth)));
    }

    /// The greatest difference of a count by status.
    pub(super) fn add_counts(
        &mut self,
        found: &BTreeMap<SagaStatus, u64>,
        truth: &BTreeMap<SagaStatus, u64>,
    ) {
        let count = |counts: &BTreeMap<SagaStatus, u64>, status| counts.get(&status).copied().unwrap_or(0);
        for status in SagaStatus::ALL {
            self.add_count(count(found, status), count(truth, status));
        }
    }

    /// How far a percentile in milliseconds is from the two nearest of the times, as a share of it.
    pub(super) fn add_percentile(&mut self, found_ms: f64, sorted: &[i64], share: f64) {
        let (low, high) = nearest(sorted, share);
        let off = (low - found_ms).max(found_ms - high).max(0.0);
        self.add(off / found_ms.max(1.0));
    }

    /// Both percentiles of a sample by the nearest rank, and `beyond` their errors as shares of those that are stated.
    pub(super) fn add_times(&mut self, found: Times, sorted: &[i64], beyond: &mut Self) {
        for (found, stated, per_mille) in [
            (found.p50_ms, found.p50_error, 500),
            (found.p95_ms, found.p95_error, 950),
        ] {
            let found = millis(found);
            let error = (found - percentile(sorted, per_mille)).abs() / found.max(1.0);
            self.add(error);
            if let Some(stated) = stated {
                beyond.add(if error > 0.0 { error / stated } else { 0.0 });
            }
        }
    }
}

pub(super) fn sorted(millis: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut sorted: Vec<i64> = millis.collect();
    sorted.sort_unstable();
    sorted
}

fn percentile(sorted: &[i64], per_mille: usize) -> f64 {
    let rank = (sorted.len() * per_mille).div_ceil(1_000);
    millis(sorted[rank.max(1) - 1])
}

/// The two that are nearest to where the percentile is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in the list"
)]
fn nearest(sorted: &[i64], share: f64) -> (f64, f64) {
    let place = share * number(sorted.len() as u64 - 1);
    let at = |place: f64| millis(sorted[place as usize]);
    (at(place.floor()), at(place.ceil()))
}

#[expect(clippy::cast_precision_loss, reason = "some thousand sagas")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "some minutes")]
fn millis(millis: i64) -> f64 {
    millis as f64
}
