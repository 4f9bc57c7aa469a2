//! How things went along a period, for those who compare: counts in slots of time, and what failed.
//!
//! Rule of thumb: a period is made of whole slots, which the roll-ups count ahead; so a period that ends now costs no look
//! at the sagas. What no roll-up knows is read of a bounded number of sagas from each slot, so that all of the period has a
//! say in it, however many sagas there are.

use std::{collections::BTreeMap, ops::Range};

use async_trait::async_trait;
use saga_types::{SagaStatus, SagaType, Timestamp};

use super::{
    Flow, FlowQuery, Statistics, StatisticsQuery, StoreError,
    rollup::{MINUTE, floor},
};

/// How long a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day (UTC).
    Day,
}

impl Width {
    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => MINUTE,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }
}

/// A period of whole slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from_ms: i64,
    width: Width,
    slots: usize,
}

impl Span {
    /// So many slots, the last of which holds the moment.
    #[must_use]
    pub fn ending_with(moment: Timestamp, width: Width, slots: usize) -> Self {
        let before = i64::try_from(slots.saturating_sub(1)).unwrap_or_default();
        let from_ms = floor(moment.as_millis(), width.seconds()) - before * width.seconds() * 1000;
        Self {
            from_ms,
            width,
            slots,
        }
    }

    /// The slots' width.
    #[must_use]
    pub fn width(&self) -> Width {
        self.width
    }

    /// How many slots there are.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// When a slot begins, or would begin after the last one.
    #[must_use]
    pub fn start_of(&self, slot: usize) -> Timestamp {
        moment(self.begin(slot))
    }

    /// The first and the last millisecond.
    #[must_use]
    pub fn ends(&self) -> (Timestamp, Timestamp) {
        (self.start_of(0), moment(self.begin(self.slots) - 1))
    }

    /// The slot of a moment within the period.
    pub(super) fn slot_of(&self, millis: i64) -> Option<usize> {
        let slot = millis.checked_sub(self.from_ms)?.div_euclid(self.width_ms());
        usize::try_from(slot).ok().filter(|slot| *slot < self.slots)
    }

    /// In milliseconds, the end exclusive.
    pub(super) fn range(&self) -> Range<i64> {
        self.from_ms..self.begin(self.slots)
    }

    /// Each slot, as [`Span::range`].
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<i64>> {
        (0..self.slots).map(|slot| self.begin(slot)..self.begin(slot + 1))
    }

    pub(super) fn statistics(&self) -> StatisticsQuery {
        let (from, to) = self.ends();
        StatisticsQuery {
            saga_type: None,
            from: Some(from),
            to: Some(to),
        }
    }

    fn width_ms(&self) -> i64 {
        self.width.seconds() * 1000
    }

    fn begin(&self, slot: usize) -> i64 {
        self.from_ms + i64::try_from(slot).unwrap_or_default() * self.width_ms()
    }
}

/// A period may begin before there was any time to speak of.
fn moment(millis: i64) -> Timestamp {
    let clamped = millis.clamp(Timestamp::MIN.as_millis(), Timestamp::MAX.as_millis());
    Timestamp::from_millis(clamped).unwrap_or(Timestamp::MIN)
}

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
    pub const REASON_CHARS: usize = 200;

    /// The statuses that are counted.
    pub const STATUSES: [SagaStatus; 2] = [SagaStatus::Failed, SagaStatus::Compensated];
}

/// The part of a store that shows how things went.
#[async_trait]
pub trait TrendStore {
    /// Counts of the sagas that started within a period, in whatever they have become.
    async fn trends(&self, span: &Span) -> Result<Trends, StoreError>;

    /// What failed: of each slot and each of [`FailureCount::STATUSES`] the newest sagas are looked at, at most `most`.
    async fn failures(&self, span: &Span, most: u32) -> Result<Vec<FailureCount>, StoreError>;

    /// The ways that sagas really took.
    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_ends_with_the_slot_of_the_moment() {
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        let day = Span::ending_with(moment("2026-11-24T14:50:07Z"), Width::Hour, 24);
        assert_eq!(
            day.ends(),
            (moment("2026-11-23T15:00:00Z"), moment("2026-11-24T14:59:59.999Z"))
        );
        assert_eq!(day.start_of(23), moment("2026-11-24T14:00:00Z"));
        let slot = |text| day.slot_of(moment(text).as_millis());
        assert_eq!(slot("2026-11-23T14:59:59.999Z"), None);
        assert_eq!(slot("2026-11-23T15:00:00Z"), Some(0));
        assert_eq!(slot("2026-11-24T14:59:59.999Z"), Some(23));
        assert_eq!(slot("2026-11-24T15:00:00Z"), None);
    }
}
