//! Questions to the store and its answers.

use std::collections::BTreeMap;

use saga_types::{EventId, Metadata, OrderId, SagaStatus, SagaType, Step, Timestamp, fold::Anomaly};

pub use saga_types::fold::Position;

use super::{Judged, Late, Scope, StoredSaga};

/// Which sagas, in which order. Filters add up: a saga must match all that are set.
#[derive(Debug, Clone, PartialEq)]
pub struct SagaQuery {
    /// Only sagas of types that the reader may see.
    pub scope: Scope,
    /// Any event of the saga names this order.
    pub order_id: Option<String>,
    /// The saga is a part of this one.
    pub parent_saga_id: Option<String>,
    /// The saga awaits this step: one that comes next on its path, or a compensation.
    pub awaits: Option<String>,
    /// This service owes something that the saga awaits.
    pub owner: Option<String>,
    /// The effect of this step still has to be undone.
    pub owes: Option<String>,
    /// The saga's type.
    pub saga_type: Option<SagaType>,
    /// The saga's status.
    pub status: Option<SagaStatus>,
    /// Has ended, or has not.
    pub ended: Option<bool>,
    /// Has failed, compensated or not, or has not.
    pub failed: Option<bool>,
    /// Started at this moment or later.
    pub started_from: Option<Timestamp>,
    /// Started at this moment or earlier.
    pub started_to: Option<Timestamp>,
    /// Took this many milliseconds or more.
    pub min_duration_ms: Option<i64>,
    /// Took this many milliseconds or fewer.
    pub max_duration_ms: Option<i64>,
    /// Any event has this step.
    pub step: Option<String>,
    /// Any event was recorded by this service.
    pub producer_service: Option<String>,
    /// Any event was recorded in this trace.
    pub trace_id: Option<String>,
    /// The derived step that failed first.
    pub failed_step: Option<String>,
    /// The derived failure reason.
    pub failure_reason: Option<String>,
    /// The group of failures that the saga belongs to, see [`saga_types::fold::SagaState::failure_group`].
    pub failure_group: Option<String>,
    /// Any event's metadata has this value at this top-level key (numbers and booleans by their JSON text); each
    /// entry may be matched by another event.
    pub metadata: BTreeMap<String, String>,
    /// The saga shows this anomaly.
    pub anomaly: Option<Anomaly>,
    /// What is awaited is late by now (the moment is given), or, with `false`, is not.
    pub stuck: Option<(bool, Timestamp)>,
    /// Something still has to be undone, or, with `false`, has not.
    pub owing: Option<bool>,
    /// Acknowledged and not worse since, or, with `false`, not.
    pub acknowledged: Option<(bool, Judged)>,
    /// The order of the answer; ties are broken by saga id.
    pub sort: SagaSort,
    /// Where the page begins.
    pub start: PageStart,
    /// How many sagas a page has; 1 to 100.
    pub size: u32,
}

impl SagaQuery {
    /// The filters that are texts, set or not; those of metadata are apart.
    pub(super) fn texts(&self) -> impl Iterator<Item = &String> {
        let texts = [
            &self.order_id,
            &self.parent_saga_id,
            &self.awaits,
            &self.owner,
            &self.owes,
            &self.step,
            &self.producer_service,
            &self.trace_id,
            &self.failed_step,
            &self.failure_reason,
            &self.failure_group,
        ];
        texts.into_iter().flatten()
    }

    /// Whether something must be awaited, which is so of sagas under way and of failed ones that owe compensations.
    pub(super) fn asks_for_awaited(&self) -> bool {
        self.awaits.is_some() || self.owner.is_some()
    }

    /// The statuses that its `ended` and `failed` leave; none when neither is set.
    pub(super) fn statuses(&self) -> Option<Vec<SagaStatus>> {
        if self.ended.is_none() && self.failed.is_none() {
            return None;
        }
        let left = SagaStatus::ALL.into_iter().filter(|status| {
            let has_failed = matches!(status, SagaStatus::Failed | SagaStatus::Compensated);
            self.ended.is_none_or(|ended| ended == status.is_terminal())
                && self.failed.is_none_or(|failed| failed == has_failed)
        });
        Some(left.collect())
    }

    /// Whether it asks for some sagas, and not for all.
    #[must_use]
    pub fn has_filters(&self) -> bool {
        self.texts().next().is_some()
            || !self.scope.is_all()
            || self.saga_type.is_some()
            || self.status.is_some()
            || self.ended.is_some()
            || self.failed.is_some()
            || self.started_from.is_some()
            || self.started_to.is_some()
            || self.min_duration_ms.is_some()
            || self.max_duration_ms.is_some()
            || !self.metadata.is_empty()
            || self.anomaly.is_some()
            || self.stuck.is_some()
            || self.owing.is_some()
            || self.acknowledged.is_some()
            || matches!(self.sort.by, SortBy::Due(_) | SortBy::Duration)
    }

    /// The same question with one type in the place of a scope where that is enough, so that the statement is the one that asks
    /// for the type; none when nothing can match.
    pub(super) fn within_scope(&self) -> Option<Self> {
        if self.statuses().is_some_and(|statuses| statuses.is_empty()) {
            return None;
        }
        let (saga_type, scope) = self.scope.narrowed(self.saga_type.as_ref())?;
        Some(Self {
            saga_type,
            scope,
            ..self.clone()
        })
    }

    /// The newest sagas, without any filter.
    #[must_use]
    pub fn newest(size: u32) -> Self {
        Self {
            scope: Scope::All,
            order_id: None,
            parent_saga_id: None,
            awaits: None,
            owner: None,
            owes: None,
            saga_type: None,
            status: None,
            ended: None,
            failed: None,
            started_from: None,
            started_to: None,
            min_duration_ms: None,
            max_duration_ms: None,
            step: None,
            producer_service: None,
            trace_id: None,
            failed_step: None,
            failure_reason: None,
            failure_group: None,
            metadata: BTreeMap::new(),
            anomaly: None,
            stuck: None,
            owing: None,
            acknowledged: None,
            sort: SagaSort {
                by: SortBy::StartedAt,
                order: SortOrder::Descending,
            },
            start: PageStart::Offset(0),
            size,
        }
    }
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart {
    /// After so many sagas.
    Offset(u64),
    /// After this saga in the order of the answer.
    After {
        /// Its value of the field sorted by.
        value: SortValue,
        /// Its id.
        saga_id: String,
    },
}

/// What sagas are sorted by, of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortValue {
    /// For all fields that are moments.
    At(Timestamp),
    /// Milliseconds, for [`SortBy::Duration`].
    Millis(i64),
}

/// The order of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SagaSort {
    /// The field.
    pub by: SortBy,
    /// Upwards or downwards.
    pub order: SortOrder,
}

/// What sagas can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// When the first event was recorded.
    StartedAt,
    /// When the last event was recorded.
    UpdatedAt,
    /// When it is, or was, due in this way; only sagas that are due at some time are found then.
    Due(Late),
    /// How long it took; only sagas that have ended, and not by an override, are found then.
    Duration,
}

/// Upwards or downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// The earliest first.
    Ascending,
    /// The latest first.
    Descending,
}

/// A page of sagas.
#[derive(Debug, Clone)]
pub struct Page {
    /// The sagas.
    pub sagas: Vec<StoredSaga>,
    /// How many match.
    pub total: Total,
    /// Whether more come after this page.
    pub has_more: bool,
}

impl Page {
    /// No saga matches.
    pub(super) const fn of_none() -> Self {
        Self {
            sagas: Vec::new(),
            total: Total {
                count: 0,
                is_exact: true,
            },
            has_more: false,
        }
    }
}

/// How many there are. RollupKey exactly up to [`Total::CAP`], unless counting takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The number, at most [`Total::CAP`].
    pub count: u64,
    /// Whether there are no more than that.
    pub is_exact: bool,
}

impl Total {
    /// Up to here totals are exact.
    pub const CAP: u64 = 10_000;

    /// Counting took too long.
    pub const UNKNOWN: Self = Self {
        count: 0,
        is_exact: false,
    };

    /// From a count that stopped after one more than [`Total::CAP`].
    pub(super) fn capped(count: u64) -> Self {
        Self {
            count: count.min(Self::CAP),
            is_exact: count <= Self::CAP,
        }
    }
}

/// A page of steps.
#[derive(Debug, Clone)]
pub struct StepPage {
    /// The steps, in order.
    pub steps: Vec<StoredStep>,
    /// Whether more come after this page.
    pub has_more: bool,
}

/// One stored step.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredStep {
    /// The row; rows of one saga rise in the order in which they were stored.
    pub id: i64,
    /// The event.
    pub event_id: EventId,
    /// What happened.
    pub step: Step,
    /// How it ended.
    pub status: SagaStatus,
    /// The service that recorded it.
    pub producer_service: Option<String>,
    /// The trace it was recorded in.
    pub trace_id: Option<String>,
    /// What else the service recorded.
    pub metadata: Option<Metadata>,
    /// The type that the event names; the saga's own, unless the events disagree.
    pub saga_type: SagaType,
    /// The business key that the event names, likewise.
    pub order_id: OrderId,
    /// When it happened.
    pub recorded_at: Timestamp,
    /// When the batch was stored that brought it.
    pub stored_at: Timestamp,
    /// When a person's data was erased from its metadata.
    pub erased_at: Option<Timestamp>,
}

/// Which sagas to count: those started within the period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatisticsQuery {
    /// Only sagas of types that the reader may see.
    pub scope: Scope,
    /// Only this type.
    pub saga_type: Option<SagaType>,
    /// Only this group of failures.
    pub failure_group: Option<String>,
    /// Started at this moment or later.
    pub from: Option<Timestamp>,
    /// Started at this moment or earlier.
    pub to: Option<Timestamp>,
    /// Also those that were archived and left the database, which are counted by the minute of their start.
    pub archived: bool,
}

/// Counts and durations of a period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// How many sagas.
    pub total: u64,
    /// How many in each status that occurs.
    pub by_status: BTreeMap<SagaStatus, u64>,
    /// How many of each type that occurs.
    pub by_type: BTreeMap<SagaType, u64>,
    /// How long ended sagas took on average, in seconds; none when none has ended.
    pub average_seconds: Option<f64>,
    /// The 50th, 95th and 99th percentile of the same.
    pub percentile_seconds: Option<[f64; 3]>,
}
