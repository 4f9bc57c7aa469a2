//! Counts in slots of time along a period, and the flow.
//!
//! Rule of thumb: a period is exact, and most of it is counted ahead by the roll-ups; the sagas themselves are counted within
//! the minutes in which it begins and ends. The flow is read of all sagas, or of a sample of them that is drawn alike.

use std::collections::BTreeMap;

use async_trait::async_trait;
use saga_types::{SagaStatus, SagaType, Step};

use super::{
    Flow, FlowQuery, FlowsQuery, Scope, Span, Statistics, StepDetail, StoreError, columns::Bound,
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
            // A count is negative where rows were changed by hand, until they are counted anew.
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

/// The part of a store that counts along a period.
#[async_trait]
pub trait TrendStore {
    /// Counts of the sagas of these types that started within a period, in whatever they have become.
    async fn trends(&self, span: &Span, scope: &Scope) -> Result<Trends, StoreError>;

    /// How long the sagas of these types took that started within a period, slot by slot.
    async fn durations(&self, span: &Span, scope: &Scope) -> Result<Vec<SlotDurations>, StoreError>;

    /// The observed flow; of no saga when the type is not one of the query's scope.
    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError>;

    /// The observed flow of each of several types of the query's scope that has sagas in the period.
    async fn flows(&self, query: &FlowsQuery) -> Result<Vec<(SagaType, Flow)>, StoreError>;

    /// One step of the flow in detail, of the same sagas.
    async fn step_detail(&self, query: &FlowQuery, step: &Step) -> Result<StepDetail, StoreError>;
}
