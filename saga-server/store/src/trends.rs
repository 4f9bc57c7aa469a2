//! Counts in slots of time along a period, and what failed.
//!
//! Rule of thumb: a period is exact, and most of it is counted ahead by the roll-ups; the sagas themselves are counted within
//! the minutes in which it begins and ends. Failures and the flow are read of all sagas, or of a sample of them that is drawn
//! alike.

use std::collections::BTreeMap;

use async_trait::async_trait;
use saga_types::{SagaStatus, SagaType, Step};

use super::{
    Corrupt, Flow, FlowQuery, Sample, Scope, Span, Statistics, StepDetail, StoreError, columns::Bound,
    histogram::Histogram, rollup,
};

/// How many sagas that started in a slot are in each status that occurs.
pub type Slot = BTreeMap<SagaStatus, u64>;

/// How long sagas took that started in a slot and have ended: the 50th and the 95th percentile in seconds; none when none has.
pub type SlotDurations = Option<[f64; 2]>;

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

    /// Sets the slots from counts by the start of a bucket. A saga that moved is counted by parts that are not merged yet, in
    /// other buckets of the same slot, so only their sum is a number of sagas.
    pub(super) fn fill(&mut self, span: &Span, counted: Vec<(Bound, String, i64)>) -> Result<(), StoreError> {
        let mut sums: BTreeMap<(usize, SagaStatus), i64> = BTreeMap::new();
        for (bucket, status, sagas) in counted {
            let status = rollup::read_status("*", &status)?;
            if let Some(slot) = span.slot_of(bucket.0) {
                *sums.entry((slot, status)).or_default() += sagas;
            }
        }
        for ((slot, status), sagas) in sums {
            // Less than nothing is counted where rows were changed by hand, until they are counted anew.
            if let Ok(sagas @ 1..) = u64::try_from(sagas) {
                self.slots[slot].insert(status, sagas);
            }
        }
        Ok(())
    }
}

/// Percentiles of each slot, from counts by the start of a bucket and of a class of durations. As [`Trends::fill`], only the sums
/// of a slot are numbers of sagas.
pub(super) fn durations(span: &Span, counted: Vec<(Bound, i64, i64)>) -> Vec<SlotDurations> {
    let mut sums: BTreeMap<(usize, i64), i64> = BTreeMap::new();
    for (bucket, from_ms, sagas) in counted {
        if let Some(slot) = span.slot_of(bucket.0) {
            *sums.entry((slot, from_ms)).or_default() += sagas;
        }
    }
    let mut histograms: Vec<Histogram> = Vec::new();
    histograms.resize_with(span.slots(), Histogram::default);
    for ((slot, from_ms), sagas) in sums {
        if let Ok(sagas @ 1..) = u64::try_from(sagas) {
            histograms[slot].add(from_ms, sagas, 0.0);
        }
    }
    let percentiles = histograms.iter();
    percentiles
        .map(|histogram| histogram.percentiles_seconds([0.5, 0.95]))
        .collect()
}

/// What failed within a period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// Of how many of the sagas that failed the counts are.
    pub sample: Sample,
    /// By slot, status, step and reason.
    pub counts: Vec<FailureCount>,
}

/// How many of the sagas that were read failed in the same way.
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

/// A row of failures that an adapter counted.
#[derive(sqlx::FromRow)]
pub(super) struct FailureRow {
    bucket: Bound,
    status: String,
    failed_step: Option<String>,
    reason: Option<String>,
    sagas: i64,
}

impl FailureRow {
    /// None when the bucket is not in the period.
    pub(super) fn count(self, span: &Span) -> Result<Option<FailureCount>, StoreError> {
        let status = self.status.parse();
        let status = status
            .map_err(|error| Corrupt::new("saga_instance", "current_status", self.status.as_str(), error))?;
        Ok(span.slot_of(self.bucket.0).map(|slot| FailureCount {
            slot,
            status,
            step: self.failed_step,
            reason: self.reason,
            sagas: self.sagas.cast_unsigned(),
        }))
    }
}

/// The part of a store that counts along a period.
#[async_trait]
pub trait TrendStore {
    /// Counts of the sagas of these types that started within a period, in whatever they have become.
    async fn trends(&self, span: &Span, scope: &Scope) -> Result<Trends, StoreError>;

    /// How long the sagas of these types took that started within a period, slot by slot.
    async fn durations(&self, span: &Span, scope: &Scope) -> Result<Vec<SlotDurations>, StoreError>;

    /// What failed: all sagas of these types and [`FailureCount::STATUSES`], or when there are more a sample of about `most` of
    /// them.
    async fn failures(&self, span: &Span, most: u32, scope: &Scope) -> Result<Failures, StoreError>;

    /// The observed flow; of no saga when the type is not one of the query's scope.
    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError>;

    /// One step of the flow in detail, of the same sagas.
    async fn step_detail(&self, query: &FlowQuery, step: &Step) -> Result<StepDetail, StoreError>;
}
