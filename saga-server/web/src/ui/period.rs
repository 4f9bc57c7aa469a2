//! The period that a page looks at, chosen in its address.

use std::time::Duration;

use saga_types::Timestamp;

use crate::http::query_string::Params;
use saga_store::{Span, Width};

/// A period that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Hour,
    Day,
    Week,
    Month,
}

impl Period {
    const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// Takes `period`; a day when nothing is said.
    pub(super) fn take(params: &mut Params) -> Self {
        Self::given(params).unwrap_or(Self::Day)
    }

    /// Takes `period`, if it is given.
    pub(super) fn given(params: &mut Params) -> Option<Self> {
        let read = |text: &str| {
            let found = Self::ALL.into_iter().find(|period| period.name() == text);
            found.ok_or_else(|| format!("must be one of {}", Self::ALL.map(Self::name).join(", ")))
        };
        params.parsed("period", read)
    }

    /// A day; an hour while the oldest saga is so young that a day would be nearly empty.
    pub(super) fn since(oldest: Option<Timestamp>, now: Timestamp) -> Self {
        const YOUNG: Duration = Duration::from_hours(6);
        match oldest {
            Some(oldest) if oldest > now.saturating_sub(YOUNG) => Self::Hour,
            _ => Self::Day,
        }
    }

    /// In an address.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// After "the".
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Hour => "last hour",
            Self::Day => "last 24 hours",
            Self::Week => "last 7 days",
            Self::Month => "last 30 days",
        }
    }

    pub(super) fn span(self, now: Timestamp) -> Span {
        match self {
            Self::Hour => Span::ending_at(now, Width::Minute, 60),
            Self::Day => Span::ending_at(now, Width::Hour, 24),
            Self::Week => Span::ending_at(now, Width::Hour, 7 * 24),
            Self::Month => Span::ending_at(now, Width::Day, 30),
        }
    }

    /// The same page with each of the periods, of which one is in force. The path ends where the period is to be written.
    pub(super) fn links(self, path: &str) -> Vec<PeriodLink> {
        let links = Self::ALL.map(|period| PeriodLink {
            words: period.words(),
            path: format!("{path}period={}", period.name()),
            is_current: period == self,
        });
        links.into()
    }

    /// How a slot that begins then is called on an axis, and whether it deserves a name there.
    pub(super) fn tick(self, start: Timestamp) -> (String, bool) {
        let exact = start.to_string();
        let (day, time) = (&exact[5..10], &exact[11..16]);
        match self {
            Self::Hour => (time.to_owned(), time.ends_with('0')),
            Self::Day => (
                time.to_owned(),
                matches!(&time[..2], "00" | "03" | "06" | "09" | "12" | "15" | "18" | "21"),
            ),
            Self::Week => (day.to_owned(), time == "00:00"),
            Self::Month => (
                day.to_owned(),
                matches!(&day[3..], "01" | "06" | "11" | "16" | "21" | "26"),
            ),
        }
    }

    /// How a slot is called in a table.
    pub(super) fn slot_name(self, start: Timestamp) -> String {
        let exact = start.to_string();
        match self {
            Self::Hour | Self::Day => exact[11..16].to_owned(),
            Self::Week => format!("{} {}", &exact[..10], &exact[11..16]),
            Self::Month => exact[..10].to_owned(),
        }
    }
}

/// The page with another period.
pub(super) struct PeriodLink {
    pub(super) words: &'static str,
    pub(super) path: String,
    pub(super) is_current: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_young_tracker_shows_its_last_hour() {
        let now: Timestamp = "2026-11-24T14:53:20Z".parse().unwrap();
        let period = |oldest: Option<&str>| Period::since(oldest.map(|oldest| oldest.parse().unwrap()), now);
        assert_eq!(period(None), Period::Day);
        assert_eq!(period(Some("2026-11-24T08:53:19Z")), Period::Day);
        assert_eq!(period(Some("2026-11-24T08:53:21Z")), Period::Hour);
    }

    #[test]
    fn ticks_stand_at_round_times() {
        let ticks = |period: Period| {
            let span = period.span("2026-11-24T14:53:20Z".parse().unwrap());
            let ticks = (0..span.slots()).map(|slot| period.tick(span.start_of(slot)));
            ticks
                .filter_map(|(name, is_shown)| is_shown.then_some(name))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ticks(Period::Hour),
            ["14:00", "14:10", "14:20", "14:30", "14:40", "14:50"]
        );
        assert_eq!(ticks(Period::Day)[..3], ["15:00", "18:00", "21:00"]);
        assert_eq!(ticks(Period::Week).len(), 7);
        assert_eq!(ticks(Period::Month)[0], "10-26");
    }
}
