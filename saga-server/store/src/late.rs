//! In which ways sagas are late, and since when.

use saga_types::{Timestamp, fold::SagaState};

use crate::StoredSaga;

/// In which way a saga is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Late {
    /// It is past a limit of its definition, due when the awaited step should have been done; or it has no limit and waits
    /// longer than others ever did.
    Stuck,
    /// It failed and still has something to be undone: due since the failure.
    Owing,
}

impl Late {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::Stuck, Self::Owing];

    /// As the database calls it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Stuck => "STUCK",
            Self::Owing => "OWING",
        }
    }

    /// The column that says since when.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Stuck => "awaited_deadline",
            Self::Owing => "owed_since",
        }
    }

    /// The column that says with which step.
    pub(super) const fn step_column(self) -> &'static str {
        match self {
            Self::Stuck => "awaited_step",
            Self::Owing => "outstanding",
        }
    }

    /// The column that lists every step with which a saga may be late.
    pub(super) const fn steps_column(self) -> &'static str {
        match self {
            Self::Stuck => "awaited_steps",
            Self::Owing => "outstanding",
        }
    }

    /// Since when a saga is late in this way, or from when on it will be: the one answer for REST, pages, logs and alerts.
    #[must_use]
    pub fn due(self, saga: &StoredSaga) -> Option<Timestamp> {
        let unusual_since = saga.unusual_since.filter(|_| self == Self::Stuck);
        self.due_by_events(saga).or(unusual_since)
    }

    /// The same without a comparison with others.
    pub(crate) fn due_by_events(self, saga: &SagaState) -> Option<Timestamp> {
        let awaiting = saga.awaiting.iter();
        match self {
            Self::Stuck => awaiting.filter_map(|awaiting| awaiting.deadline).min(),
            Self::Owing if saga.outstanding_compensations.is_empty() => None,
            Self::Owing => awaiting.map(|awaiting| awaiting.since).min(),
        }
    }

    /// By how much a saga is late at a moment, in milliseconds; none when it is not. The moment is the one up to which
    /// everything is stored, so that lag never looks like sagas that are late.
    #[must_use]
    pub fn late_ms(self, saga: &StoredSaga, moment: Timestamp) -> Option<i64> {
        let late = moment.millis_since(self.due(saga)?);
        (late > 0).then_some(late)
    }
}
