//! The period that a page looks at, and the one it is compared with: relative to now or between two times, chosen in the
//! address and read as REST reads it.

use std::time::Duration;

use saga_types::Timestamp;

use crate::http::{
    date_range::{DateRange, RelativeRange},
    params::one_of,
    query_string::{Length, Params},
};
use saga_store::{Span, Width};

/// Parameters of an address that say which period it is.
pub(super) const PARAMETERS: [&str; 3] = ["period", "fromDate", "toDate"];

/// Whether a parameter says when something was.
pub(super) fn is_date(name: &str) -> bool {
    PARAMETERS.contains(&name)
}

/// The parameter that says what the period is compared with.
pub(super) const COMPARE: &str = "compare";

/// What an address says of a period.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    length: Option<Length>,
    dates: DateRange,
    against: Against,
}

/// A period with two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    /// It ends now and is as long.
    length: Option<Length>,
    pub(super) from: Timestamp,
    /// Inclusive.
    pub(super) to: Timestamp,
    against: Against,
}

/// What a period is compared with: one of the same length, earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    /// The one that ends where it begins.
    Previous,
    Day,
    Week,
    Nothing,
}

impl Against {
    pub(super) const ALL: [Self; 4] = [Self::Previous, Self::Day, Self::Week, Self::Nothing];

    /// In an address.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::Day => "day",
            Self::Week => "week",
            Self::Nothing => "none",
        }
    }

    /// After "compared with".
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Previous => "the period before",
            Self::Day => "a day earlier",
            Self::Week => "a week earlier",
            Self::Nothing => "nothing",
        }
    }

    fn take(params: &mut Params) -> Self {
        let read = one_of(Self::ALL, Self::name);
        params.parsed(COMPARE, read).unwrap_or(Self::Previous)
    }
}

impl Asked {
    /// Takes `period` or `fromDate` and `toDate`, and `compare`. A period in which nothing can have started is refused.
    pub(super) fn take(params: &mut Params, now: Timestamp) -> Self {
        let relative = RelativeRange::take(params);
        let dates = relative.or_dates(params, now);
        if dates.from.is_some_and(|from| from > now) {
            params.refuse("fromDate", "is in the future, where nothing has started yet");
        }
        let to = dates.to.unwrap_or(now);
        if relative.length.is_none()
            && dates
                .from
                .is_some_and(|from| from < to.saturating_sub(Length::LONGEST))
        {
            params.refuse(
                "fromDate",
                "must be at most 366 days before toDate, which is now if not given",
            );
        }
        Self {
            length: relative.length,
            dates,
            against: Against::take(params),
        }
    }

    /// Whether the address says nothing, so that the page chooses.
    pub(super) fn is_open(&self) -> bool {
        self.dates.from.is_none() && self.dates.to.is_none()
    }

    /// The parameters of an address so that they mean the same at any time.
    pub(super) fn fixed(&self, given: Vec<(String, String)>, now: Timestamp) -> Vec<(String, String)> {
        let Some(from) = self.length.and(self.dates.from) else {
            return given;
        };
        let others = given.into_iter().filter(|(name, _)| !is_date(name));
        let ends = [("fromDate", from), ("toDate", now)];
        others
            .chain(ends.map(|(name, at)| (name.to_owned(), at.to_string())))
            .collect()
    }

    /// With what it says; of this length where it says nothing.
    pub(super) fn or(self, default: Length, now: Timestamp) -> Period {
        let length = match self.is_open() {
            true => Some(default),
            false => self.length,
        };
        let to = self.dates.to.unwrap_or(now);
        let before = |length: Length| to.saturating_sub(length.duration());
        Period {
            length,
            from: self.dates.from.unwrap_or_else(|| before(default)),
            to,
            against: self.against,
        }
    }
}

impl Period {
    /// A day; an hour or a quarter of one while the oldest saga is so young that more would be nearly empty.
    pub(super) fn usual(oldest: Option<Timestamp>, now: Timestamp) -> Length {
        const YOUNG: Duration = Duration::from_hours(6);
        const YOUNGEST: Duration = Duration::from_mins(15);
        match oldest {
            Some(oldest) if oldest > now.saturating_sub(YOUNGEST) => Length::minutes(15),
            Some(oldest) if oldest > now.saturating_sub(YOUNG) => Length::hours(1),
            _ => Length::hours(24),
        }
    }

    /// One that ends now.
    #[cfg(test)]
    pub(super) fn last(length: Length, now: Timestamp) -> Self {
        let asked = Asked {
            length: Some(length),
            dates: DateRange::default(),
            against: Against::Previous,
        };
        asked.or(length, now)
    }

    pub(super) fn length(&self) -> Option<Length> {
        self.length
    }

    pub(super) fn against(&self) -> Against {
        self.against
    }

    /// How long it lasts.
    pub(super) fn duration(&self) -> Duration {
        Duration::from_millis(self.to.millis_since(self.from).max(0).cast_unsigned())
    }

    /// After "in": `the last hour`, `this period`.
    pub(super) fn words(&self) -> String {
        match self.length {
            Some(length) => format!("the last {}", length.words()),
            None => "this period".to_owned(),
        }
    }

    /// The period that it is compared with.
    pub(super) fn before(&self) -> Option<Self> {
        let earlier = match self.against {
            Against::Previous => self.duration(),
            Against::Day => Duration::from_hours(24),
            Against::Week => Duration::from_hours(7 * 24),
            Against::Nothing => return None,
        };
        Some(Self {
            length: None,
            from: self.from.saturating_sub(earlier),
            to: self.to.saturating_sub(earlier),
            against: self.against,
        })
    }

    /// Moved by its own length.
    pub(super) fn earlier(&self) -> Self {
        Self {
            length: None,
            from: self.from.saturating_sub(self.duration()),
            to: self.to.saturating_sub(self.duration()),
            ..*self
        }
    }

    /// The same to the future, as long as it has begun by now.
    pub(super) fn later(&self, now: Timestamp) -> Option<Self> {
        let from = self.from.saturating_add(self.duration());
        (self.length.is_none() && from < now).then(|| Self {
            length: None,
            from,
            to: self.to.saturating_add(self.duration()),
            ..*self
        })
    }

    /// In an address, so that it means the same at any time.
    pub(super) fn fixed(&self) -> [(String, String); 2] {
        [
            ("fromDate".to_owned(), self.from.to_string()),
            ("toDate".to_owned(), self.to.to_string()),
        ]
    }

    /// In an address, relative if it is, with what it is compared with unless that is the usual one.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let mut parameters = match self.length {
            Some(length) => vec![("period".to_owned(), length.to_string())],
            None => self.fixed().into(),
        };
        if self.against != Against::Previous {
            parameters.push((COMPARE.to_owned(), self.against.name().to_owned()));
        }
        parameters
    }

    /// For the store: slots of which a chart has some hundreds at the most.
    pub(super) fn span(&self) -> Span {
        Span::between(self.from, self.to, self.width())
    }

    pub(super) fn width(&self) -> Width {
        const OF_MINUTES: Duration = Duration::from_hours(4);
        const OF_HOURS: Duration = Duration::from_hours(10 * 24);
        match self.duration() {
            duration if duration <= OF_MINUTES => Width::Minute,
            duration if duration <= OF_HOURS => Width::Hour,
            _ => Width::Day,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-24T14:53:20Z")
    }

    fn asked(query: &str) -> Result<Period, Vec<String>> {
        let mut params = Params::of(query);
        let asked = Asked::take(&mut params, now());
        params
            .finish()
            .map(|()| asked.or(Length::hours(24), now()))
            .map_err(|bad| bad.0.into_keys().collect())
    }

    #[test]
    fn a_young_tracker_shows_its_last_hour() {
        let usual = |oldest: Option<&str>| Period::usual(oldest.map(at), now()).to_string();
        assert_eq!(usual(None), "24h");
        assert_eq!(usual(Some("2026-11-24T08:53:19Z")), "24h");
        assert_eq!(usual(Some("2026-11-24T08:53:21Z")), "1h");
        assert_eq!(usual(Some("2026-11-24T14:38:21Z")), "15m");
    }

    #[test]
    fn a_period_is_relative_or_between_two_times() {
        for (query, from, to) in [
            ("", "2026-11-23T14:53:20Z", "2026-11-24T14:53:20Z"),
            ("period=15m", "2026-11-24T14:38:20Z", "2026-11-24T14:53:20Z"),
            (
                "fromDate=2026-11-24T14:00Z",
                "2026-11-24T14:00:00Z",
                "2026-11-24T14:53:20Z",
            ),
            (
                "toDate=2026-11-20T14:00Z",
                "2026-11-19T14:00:00Z",
                "2026-11-20T14:00:00Z",
            ),
            (
                "fromDate=2026-11-20&toDate=2026-11-20",
                "2026-11-20T00:00:00Z",
                "2026-11-20T23:59:59.999Z",
            ),
        ] {
            let period = asked(query).unwrap();
            assert_eq!((period.from, period.to), (at(from), at(to)), "{query}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_period_is_named() {
        for (query, wrong) in [
            ("period=century", "period"),
            ("period=1h&fromDate=2026-11-20", "period"),
            ("fromDate=2027-01-01", "fromDate"),
            ("fromDate=2026-11-21&toDate=2026-11-20", "fromDate"),
            ("fromDate=2020-01-01", "fromDate"),
            ("toDate=tomorrow", "toDate"),
            ("compare=year", "compare"),
        ] {
            assert_eq!(asked(query), Err(vec![wrong.to_owned()]), "{query}");
        }
    }

    #[test]
    fn a_period_is_compared_with_one_of_its_length() {
        for (compare, from) in [
            ("previous", Some("2026-11-24T12:53:20Z")),
            ("day", Some("2026-11-23T13:53:20Z")),
            ("week", Some("2026-11-17T13:53:20Z")),
            ("none", None),
        ] {
            let period = asked(&format!("period=1h&compare={compare}")).unwrap();
            let before = period.before();
            assert_eq!(before.map(|before| before.from), from.map(at), "{compare}");
            assert!(before.is_none_or(|before| before.duration() == period.duration()));
        }
    }

    #[test]
    fn a_period_moves_by_its_length_and_not_beyond_now() {
        let period = asked("period=1h").unwrap();
        assert_eq!(period.later(now()), None);
        let earlier = period.earlier();
        assert_eq!(earlier.to, period.from);
        assert_eq!(earlier.later(now()).unwrap().from, period.from);
    }

    #[test]
    fn a_chart_has_some_hundreds_of_slots_at_the_most() {
        for length in ["1m", "240m", "5h", "10d", "11d", "366d"] {
            let slots = asked(&format!("period={length}")).unwrap().span().slots();
            assert!((1..=400).contains(&slots), "{length}: {slots}");
        }
    }
}
