//! When a saga that goes on will probably be done, and by what it counts as overdue.

use saga_store::{Late, StoredSaga, Usual};
use saga_types::{Step, Timestamp};

use crate::ui::humanize::{Clock, Moment};

/// What is expected of a saga that goes on.
pub(super) struct Outlook {
    pub(super) end: Option<End>,
    pub(super) overdue: Option<Overdue>,
}

/// When it will probably be done.
pub(super) struct End {
    /// None when half of the sagas that waited as long were done by now.
    pub(super) p50: Option<Moment>,
    pub(super) p90: Moment,
}

/// From when on it counts as overdue.
pub(super) struct Overdue {
    pub(super) at: Moment,
    pub(super) step: Option<Step>,
    pub(super) by: By,
    pub(super) is_late: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Limit,
    Usual,
}

impl By {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Limit => "the limit",
            Self::Usual => "what is usual",
        }
    }
}

impl Overdue {
    /// What is usual counts only while it is compared with others of the same time.
    pub(super) fn is_conditional(&self) -> bool {
        self.by == By::Usual && !self.is_late
    }
}

impl Outlook {
    /// None of a saga that has ended, and when nothing is known.
    pub(super) fn of(saga: &StoredSaga, usual: &Usual, clock: Clock) -> Option<Self> {
        if saga.current_status.is_terminal() {
            return None;
        }
        let outlook = Self {
            end: end(saga, usual, clock),
            overdue: overdue(saga, usual, clock),
        };
        (outlook.end.is_some() || outlook.overdue.is_some()).then_some(outlook)
    }
}

/// As of the moment up to which everything is stored. What is over by now says nothing.
fn end(saga: &StoredSaga, usual: &Usual, clock: Clock) -> Option<End> {
    let end = usual.end(saga, clock.judged_at)?;
    let coming = |at: Timestamp| (at > clock.now).then(|| Moment::new(at, clock.now));
    Some(End {
        p50: end.p50.and_then(coming),
        p90: coming(end.p90)?,
    })
}

/// By its limits, where it has any; else by what is usual, from the first wait that is longer than it ever takes.
fn overdue(saga: &StoredSaga, usual: &Usual, clock: Clock) -> Option<Overdue> {
    let limits = saga
        .awaiting
        .iter()
        .filter_map(|awaiting| Some((awaiting.deadline?, &awaiting.step)));
    let limit = limits.min().map(|(at, step)| (at, Some(step), By::Limit));
    let marked = || Late::Stuck.due(saga).map(|at| (at, None, By::Usual));
    let never = || {
        let waits = saga.open_waits().filter_map(|wait| {
            let never_ms = usual.wait(&saga.saga_type, wait)?.never_ms()?;
            let awaiting = wait.awaiting;
            let at = Timestamp::from_millis(awaiting.since.as_millis().checked_add(never_ms)?).ok()?;
            Some((at, &awaiting.step))
        });
        waits.min().map(|(at, step)| (at, Some(step), By::Usual))
    };
    let (at, step, by) = limit.or_else(marked).or_else(never)?;
    let is_late = at < clock.judged_at && (by == By::Limit || saga.unusual_since.is_some());
    // Without a mark others have not gone on, or the collector will look in a moment.
    (is_late || at > clock.now).then(|| Overdue {
        at: Moment::new(at, clock.now),
        step: step.cloned(),
        by,
        is_late,
    })
}
