//! A period, exact to the millisecond, in slots of time that begin at round times.

use std::ops::Range;

use saga_types::Timestamp;

use crate::{
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

/// A period. Its slots begin at round times, so the first and the last one may be shorter than the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from_ms: i64,
    /// Exclusive.
    to_ms: i64,
    width: Width,
}

impl Span {
    /// As long as so many slots; its last millisecond is the moment.
    #[must_use]
    pub fn ending_at(moment: Timestamp, width: Width, slots: usize) -> Self {
        let to_ms = moment.as_millis() + 1;
        Self {
            from_ms: to_ms - number(slots) * width.seconds() * 1000,
            to_ms,
            width,
        }
    }

    /// From one millisecond to another one, both of them within the period.
    #[must_use]
    pub fn between(first: Timestamp, last: Timestamp, width: Width) -> Self {
        Self {
            from_ms: first.as_millis(),
            to_ms: (last.as_millis() + 1).max(first.as_millis()),
            width,
        }
    }

    /// As long a period, just before.
    #[must_use]
    pub fn previous(&self) -> Self {
        Self {
            from_ms: self.from_ms - (self.to_ms - self.from_ms),
            to_ms: self.from_ms,
            ..*self
        }
    }

    /// The slots' width.
    #[must_use]
    pub fn width(&self) -> Width {
        self.width
    }

    /// How many slots there are, the shorter ones at the ends included.
    #[must_use]
    pub fn slots(&self) -> usize {
        if self.to_ms <= self.from_ms {
            return 0;
        }
        let between = self.floor(self.to_ms - 1) - self.floor(self.from_ms);
        usize::try_from(between / self.width_ms() + 1).unwrap_or(0)
    }

    /// When a slot begins, or would begin after the last one.
    #[must_use]
    pub fn start_of(&self, slot: usize) -> Timestamp {
        moment(self.begin(slot))
    }

    /// How long a slot is, in milliseconds: as its width says, but for those at the ends.
    #[must_use]
    pub fn length_of(&self, slot: usize) -> i64 {
        self.begin(slot + 1) - self.begin(slot)
    }

    /// The first and the last millisecond.
    #[must_use]
    pub fn ends(&self) -> (Timestamp, Timestamp) {
        (moment(self.from_ms), moment(self.to_ms - 1))
    }

    /// The slot of a moment within the period, or of the beginning of one of its slots.
    pub(crate) fn slot_of(&self, millis: i64) -> Option<usize> {
        let slot = (self.floor(millis) - self.floor(self.from_ms)) / self.width_ms();
        usize::try_from(slot).ok().filter(|slot| *slot < self.slots())
    }

    /// In milliseconds, the end exclusive.
    pub(crate) fn range(&self) -> Range<i64> {
        self.from_ms..self.to_ms
    }

    pub(crate) fn statistics(&self, scope: &Scope) -> StatisticsQuery {
        let (from, to) = self.ends();
        StatisticsQuery {
            scope: scope.clone(),
            from: Some(from),
            to: Some(to),
            ..StatisticsQuery::default()
        }
    }

    fn width_ms(&self) -> i64 {
        self.width.seconds() * 1000
    }

    fn floor(&self, millis: i64) -> i64 {
        floor(millis, self.width.seconds())
    }

    fn begin(&self, slot: usize) -> i64 {
        let begin = self.floor(self.from_ms) + number(slot) * self.width_ms();
        begin.clamp(self.from_ms, self.to_ms)
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

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_24_hours_to_the_millisecond_and_its_slots_begin_at_whole_hours() {
        let day = Span::ending_at(at("2026-11-24T14:50:07Z"), Width::Hour, 24);
        assert_eq!(
            day.ends(),
            (at("2026-11-23T14:50:07.001Z"), at("2026-11-24T14:50:07Z"))
        );
        assert_eq!(day.slots(), 25);
        assert_eq!(day.start_of(0), at("2026-11-23T14:50:07.001Z"));
        assert_eq!(day.start_of(1), at("2026-11-23T15:00:00Z"));
        assert_eq!(day.start_of(24), at("2026-11-24T14:00:00Z"));
        assert_eq!((0..25).map(|slot| day.length_of(slot)).sum::<i64>(), 86_400_000);
        let slot = |text| day.slot_of(at(text).as_millis());
        assert_eq!(slot("2026-11-23T14:50:07.001Z"), Some(0));
        assert_eq!(slot("2026-11-23T15:00:00Z"), Some(1));
        assert_eq!(slot("2026-11-24T14:59:59.999Z"), Some(24));
        assert_eq!(slot("2026-11-24T15:00:00Z"), None);
        assert_eq!(slot("2026-11-23T13:59:59.999Z"), None);
    }

    #[test]
    fn the_period_before_is_as_long_and_ends_where_this_one_begins() {
        let day = Span::ending_at(at("2026-11-24T14:50:07Z"), Width::Hour, 24);
        let before = day.previous();
        assert_eq!(before.range().end, day.range().start);
        assert_eq!(
            before,
            Span::ending_at(at("2026-11-23T14:50:07Z"), Width::Hour, 24)
        );
    }

    #[test]
    fn whole_slots_are_as_many_as_asked_for_and_no_time_has_none() {
        let hours = Span::ending_at(at("2026-11-24T14:59:59.999Z"), Width::Hour, 24);
        assert_eq!(hours.slots(), 24);
        let nothing = Span::between(
            at("2026-11-24T15:00:00Z"),
            at("2026-11-24T14:00:00Z"),
            Width::Hour,
        );
        assert_eq!((nothing.slots(), nothing.range().is_empty()), (0, true));
    }
}
