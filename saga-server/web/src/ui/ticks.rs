//! Where an axis of time has names, and what slots of time are called.

use saga_store::{Span, Width};
use saga_types::Timestamp;

/// Distances between names, in minutes: round ones, since people look for them.
const DISTANCES: [i64; 14] = [
    5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 7_200, 14_400, 43_200,
];

/// About how many names fit.
const MOST: i64 = 10;

const MINUTE_MS: i64 = 60_000;

/// Lengths of time between names on an axis: milliseconds, seconds, minutes, hours and days, as people count them.
pub(super) const ROUND_MS: [i64; 31] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    1_200_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    432_000_000,
    604_800_000,
    1_209_600_000,
];

/// The names along the slots of a period.
pub(super) struct Ticks {
    distance_ms: i64,
    width: Width,
}

impl Ticks {
    pub(super) fn of(span: &Span) -> Self {
        let (from, to) = span.ends();
        let length = to.millis_since(from) / MINUTE_MS;
        let fits = |distance: &i64| length / distance <= MOST && distance * 60 >= span.width().seconds();
        let distance = DISTANCES.into_iter().find(fits).unwrap_or(DISTANCES[13]);
        Self {
            distance_ms: distance * MINUTE_MS,
            width: span.width(),
        }
    }

    /// How a slot that begins then is called on the axis, if it has a name there.
    pub(super) fn at(&self, start: Timestamp) -> Option<String> {
        const DAY_MS: i64 = 1_440 * MINUTE_MS;
        let is_round = start.as_millis().rem_euclid(self.distance_ms) == 0;
        let exact = start.to_string();
        let name = match self.distance_ms {
            DAY_MS.. => &exact[5..10],
            _ => &exact[11..16],
        };
        is_round.then(|| name.to_owned())
    }

    /// How a slot is called in a table.
    pub(super) fn slot(&self, start: Timestamp) -> String {
        let exact = start.to_string();
        match self.width {
            Width::Minute => exact[11..16].to_owned(),
            Width::Hour => format!("{} {}", &exact[5..10], &exact[11..16]),
            Width::Day => exact[..10].to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::query_string::Length, ui::period::Period};

    #[test]
    fn names_are_at_round_times_and_not_too_many() {
        let names = |length: Length| {
            let span = Period::last(length, "2026-11-24T14:53:20Z".parse().unwrap()).span();
            let ticks = Ticks::of(&span);
            (0..span.slots())
                .filter_map(|slot| ticks.at(span.start_of(slot)))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(Length::hours(1)),
            ["14:00", "14:10", "14:20", "14:30", "14:40", "14:50"]
        );
        assert_eq!(names(Length::hours(24))[..3], ["15:00", "18:00", "21:00"]);
        assert_eq!(names(Length::days(7)).len(), 7);
        assert_eq!(names(Length::days(30))[0], "10-29");
        for days in [1, 2, 9, 60, 366] {
            assert!((4..=12).contains(&names(Length::days(days)).len()), "{days} days");
        }
    }
}
