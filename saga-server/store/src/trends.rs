//! How things went along a period, for those who compare: counts in slots of time, and what failed.
//!
//! Rule of thumb: a period is made of whole slots, which the roll-ups count ahead; so a period that ends now costs no look
//! at the sagas. Failures are read of a bounded number of sagas from each slot, for callers that weight them with the slot's
//! count; the flow is read of all sagas or of a sample of them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use saga_types::{SagaStatus, SagaType};

use super::{Flow, FlowQuery, Scope, Span, Statistics, StoreError};

/// How many sagas that started in a slot are in each status that occurs.
pub type Slot = BTreeMap<SagaStatus, u64>;

/// Counts of the sagas that started within a period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trends {
    /// Along the slots of the period.
    pub slots: Vec<Slot>,
    /// For each type that occurs.
    pub by_type: BTreeMap<SagaType, Statistics>,
}

impl Trends {
    pub(super) fn of_nothing(span: &Span) -> Self {
        Self {
            slots: vec![Slot::new(); span.slots()],
            by_type: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, span: &Span, millis: i64, status: SagaStatus, sagas: i64) {
        if let Some(slot) = span.slot_of(millis)
            && let Ok(sagas @ 1..) = u64::try_from(sagas)
        {
            *self.slots[slot].entry(status).or_default() += sagas;
        }
    }
}

/// How many of the sagas that were read from a slot failed in the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureCount {
    /// The slot in which they started.
    pub slot: usize,
    /// FAILED or COMPENSATED.
    pub status: SagaStatus,
    /// The step that failed first.
    pub step: Option<String>,
    /// Why, in at most [`FailureCount::REASON_CHARS`] characters.
    pub reason: Option<String>,
    /// How many.
    pub sagas: u64,
}

impl FailureCount {
    /// Reasons may be long; those that begin alike are counted together.
    pub const REASON_CHARS: usize = Self::CHARS as usize;

    /// The same for statements.
    pub(super) const CHARS: u8 = 200;

    /// The statuses that are counted.
    pub const STATUSES: [SagaStatus; 2] = [SagaStatus::Failed, SagaStatus::Compensated];
}

/// The part of a store that shows how things went.
#[async_trait]
pub trait TrendStore {
    /// Counts of the sagas of these types that started within a period, in whatever they have become.
    async fn trends(&self, span: &Span, scope: &Scope) -> Result<Trends, StoreError>;

    /// What failed: of each slot and each of [`FailureCount::STATUSES`] the newest sagas of these types are looked at, at most
    /// `most`.
    async fn failures(&self, span: &Span, most: u32, scope: &Scope) -> Result<Vec<FailureCount>, StoreError>;

    /// The ways that sagas really took; of none when the type is not one of the query's scope.
    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError>;
}
