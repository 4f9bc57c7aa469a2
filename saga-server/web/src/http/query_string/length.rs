//! Lengths of time as callers write them in `period`: `15m`, `24h`, `7d`.

use std::{fmt, time::Duration};

/// So many minutes, hours or days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length {
    count: u16,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minute,
    Hour,
    Day,
}

impl Length {
    /// What [`Length::read`] takes, as an expression of OpenAPI.
    pub(crate) const PATTERN: &str =
        "^([1-9][0-9]{0,2}[mh]|([1-9][0-9]?|[12][0-9]{2}|3[0-5][0-9]|36[0-6])d)$";

    /// The longest one.
    pub(crate) const LONGEST: Duration = Duration::from_hours(366 * 24);

    pub(crate) const fn minutes(count: u16) -> Self {
        Self {
            count,
            unit: Unit::Minute,
        }
    }

    pub(crate) const fn hours(count: u16) -> Self {
        Self {
            count,
            unit: Unit::Hour,
        }
    }

    pub(crate) const fn days(count: u16) -> Self {
        Self {
            count,
            unit: Unit::Day,
        }
    }

    pub(crate) fn read(text: &str) -> Result<Self, String> {
        Self::known(text).ok_or_else(|| {
            "must be a number with m, h or d, such as 15m, 24h or 7d, of at most 999 minutes or hours or 366 days"
                .to_owned()
        })
    }

    fn known(text: &str) -> Option<Self> {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let (unit, most) = match unit {
            "m" => (Unit::Minute, 999),
            "h" => (Unit::Hour, 999),
            "d" => (Unit::Day, 366),
            _ => return None,
        };
        // Neither a sign nor a leading zero, so that each length is written in one form.
        let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.starts_with('0');
        let count = digits.parse().ok().filter(|count| is_plain && *count <= most)?;
        Some(Self { count, unit })
    }

    pub(crate) fn duration(self) -> Duration {
        let count = u64::from(self.count);
        match self.unit {
            Unit::Minute => Duration::from_mins(count),
            Unit::Hour => Duration::from_hours(count),
            Unit::Day => Duration::from_hours(24 * count),
        }
    }

    /// After "last": `hour`, `24 hours`.
    pub(crate) fn words(self) -> String {
        let unit = match self.unit {
            Unit::Minute => "minute",
            Unit::Hour => "hour",
            Unit::Day => "day",
        };
        match self.count {
            1 => unit.to_owned(),
            count => format!("{count} {unit}s"),
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Minute => 'm',
            Unit::Hour => 'h',
            Unit::Day => 'd',
        };
        write!(formatter, "{}{unit}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_as_it_was_read() {
        for (text, seconds, words) in [
            ("1m", 60, "minute"),
            ("15m", 900, "15 minutes"),
            ("1h", 3_600, "hour"),
            ("999h", 999 * 3_600, "999 hours"),
            ("7d", 7 * 86_400, "7 days"),
            ("366d", 366 * 86_400, "366 days"),
        ] {
            let length = Length::read(text).unwrap();
            assert_eq!(
                (
                    length.to_string().as_str(),
                    length.duration().as_secs(),
                    length.words()
                ),
                (text, seconds, words.to_owned())
            );
            assert!(length.duration() <= Length::LONGEST);
        }
    }

    #[test]
    fn any_other_text_is_refused() {
        for text in [
            "",
            "h",
            "0h",
            "01h",
            "1000m",
            "367d",
            "+1h",
            "-1h",
            "1.5h",
            "1w",
            "1 h",
            "1H",
            "hour",
            "24",
            "1€",
            "99999999999999999999h",
        ] {
            assert!(Length::read(text).is_err(), "{text}");
        }
    }
}
