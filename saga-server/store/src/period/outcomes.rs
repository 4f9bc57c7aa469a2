//! What has become of some sagas.

use std::collections::BTreeMap;

use saga_types::SagaStatus;

use super::sample::ratio;

/// How many of some sagas are in each state that matters to who compares them. `completed`, `failed` and `in_progress` add up
/// to `total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// All of them.
    pub total: u64,
    /// COMPLETED.
    pub completed: u64,
    /// FAILED or COMPENSATED: they did not do what they began for.
    pub failed: u64,
    /// COMPENSATED, a part of `failed`.
    pub compensated: u64,
    /// STARTED or IN_PROGRESS.
    pub in_progress: u64,
}

impl Outcomes {
    /// Of counts by status.
    #[must_use]
    pub fn of(by_status: &BTreeMap<SagaStatus, u64>) -> Self {
        let mut outcomes = Self::default();
        for (status, sagas) in by_status {
            outcomes.add(*status, *sagas);
        }
        outcomes
    }

    /// Adds sagas with a status.
    pub fn add(&mut self, status: SagaStatus, sagas: u64) {
        self.total += sagas;
        match status {
            SagaStatus::Completed => self.completed += sagas,
            SagaStatus::Failed => self.failed += sagas,
            SagaStatus::Compensated => {
                self.failed += sagas;
                self.compensated += sagas;
            }
            SagaStatus::Started | SagaStatus::InProgress => self.in_progress += sagas,
        }
    }

    /// The share of `total` that failed; 0 of nothing.
    #[must_use]
    pub fn failure_rate(&self) -> f64 {
        ratio(self.failed, self.total)
    }

    /// The share of `failed` that was compensated; 0 of nothing.
    #[must_use]
    pub fn compensation_rate(&self) -> f64 {
        ratio(self.compensated, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compensated_saga_has_failed_and_every_saga_counts_once() {
        let by_status = SagaStatus::ALL.into_iter().zip([1, 2, 4, 8, 16]).collect();
        let outcomes = Outcomes::of(&by_status);
        assert_eq!(
            outcomes.completed + outcomes.failed + outcomes.in_progress,
            outcomes.total
        );
        assert_eq!(
            outcomes.failed,
            by_status[&SagaStatus::Failed] + by_status[&SagaStatus::Compensated]
        );
        assert!((outcomes.failure_rate() - ratio(outcomes.failed, 31)).abs() < f64::EPSILON);
        assert!(Outcomes::default().failure_rate().abs() < f64::EPSILON);
    }
}
