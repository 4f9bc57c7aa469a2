//! Periods of whole slots of time.

use std::ops::Range;

use saga_types::Timestamp;

use super::{
    Scope, StatisticsQuery,
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
        let before = number(slots.saturating_sub(1));
        let from_ms = floor(moment.as_millis(), width.seconds()) - before * width.seconds() * 1000;
        Self {
            from_ms,
            width,
            slots,
        }
    }

    /// As many slots of the same width, just before.
    #[must_use]
    pub fn previous(&self) -> Self {
        Self {
            from_ms: self.from_ms - number(self.slots) * self.width_ms(),
            ..*self
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

    pub(super) fn statistics(&self, scope: &Scope) -> StatisticsQuery {
        let (from, to) = self.ends();
        StatisticsQuery {
            scope: scope.clone(),
            saga_type: None,
            from: Some(from),
            to: Some(to),
        }
    }

    fn width_ms(&self) -> i64 {
        self.width.seconds() * 1000
    }

    fn begin(&self, slot: usize) -> i64 {
        self.from_ms + number(slot) * self.width_ms()
    }
}

/// A period has some hundreds of slots at the most, so that none is cut.
fn number(slots: usize) -> i64 {
    i64::try_from(slots).unwrap_or(i64::MAX)
}

/// A period may begin before the first timestamp.
fn moment(millis: i64) -> Timestamp {
    let clamped = millis.clamp(Timestamp::MIN.as_millis(), Timestamp::MAX.as_millis());
    // Never used: what is clamped is a timestamp.
    Timestamp::from_millis(clamped).unwrap_or(Timestamp::MIN)
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
