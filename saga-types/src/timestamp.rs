//! A moment in whole milliseconds, as the wire contract counts them.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A moment in UTC, in milliseconds since 1970-01-01.
///
/// Only the years 1 to 9999 are allowed, so that every moment can be written as RFC 3339 and stored in any
/// database. Shown and serialized as RFC 3339 with `Z` and three digits (`2026-11-22T08:26:40.000Z`); read from that or
/// from a number of milliseconds.
///
/// ```
/// use saga_types::Timestamp;
///
/// let moment = Timestamp::from_millis(1_700_000_000_000)?;
/// assert_eq!(moment.to_string(), "2023-11-14T22:13:20.000Z");
/// assert_eq!("2023-11-14T22:13:20Z".parse(), Ok(moment));
/// # Ok::<(), saga_types::TimestampError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why something cannot be a [`Timestamp`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// The moment is not in the years 1 to 9999.
    #[error("{0} ms since 1970 is not within the years 1 to 9999")]
    OutOfRange(i64),
    /// The text is not RFC 3339.
    #[error("{0:?} is not an RFC 3339 time such as 2026-11-22T08:26:40.000Z")]
    NotRfc3339(String),
}

impl Timestamp {
    /// The earliest moment: 0001-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// The latest moment: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Takes milliseconds since 1970-01-01 UTC; negative before.
    ///
    /// # Errors
    ///
    /// [`TimestampError::OutOfRange`] outside the years 1 to 9999.
    pub const fn from_millis(millis: i64) -> Result<Self, TimestampError> {
        if millis < Self::MIN.0 || millis > Self::MAX.0 {
            return Err(TimestampError::OutOfRange(millis));
        }
        Ok(Self(millis))
    }

    /// The present moment by the system's clock; held to [`Timestamp::MIN`] and [`Timestamp::MAX`].
    #[must_use]
    pub fn now() -> Self {
        Self(Utc::now().timestamp_millis().clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The same moment for chrono.
    #[must_use]
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// This moment and a duration later, held to [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis).min(Self::MAX.0))
    }

    /// This moment and a duration earlier, held to [`Timestamp::MIN`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use saga_types::Timestamp;
    ///
    /// let moment = Timestamp::from_millis(1_700_000_000_000)?;
    /// assert_eq!(moment.saturating_sub(Duration::from_secs(1)).as_millis(), 1_699_999_999_000);
    /// assert_eq!(moment.saturating_sub(Duration::MAX), Timestamp::MIN);
    /// # Ok::<(), saga_types::TimestampError>(())
    /// ```
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis).max(Self::MIN.0))
    }

    /// Milliseconds from an earlier moment to this one; negative when the other is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = TimestampError;

    /// Cuts what is finer than a millisecond.
    fn try_from(moment: SystemTime) -> Result<Self, TimestampError> {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match moment.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Self::from_millis(millis(since)),
            Err(before) => Self::from_millis(-millis(before.duration())),
        }
    }
}

impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = TimestampError;

    fn try_from(moment: DateTime<Utc>) -> Result<Self, TimestampError> {
        Self::from_millis(moment.timestamp_millis())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(str::from_utf8(&self.to_ascii()).unwrap_or_default())
    }
}

impl Timestamp {
    /// `2026-11-22T08:26:40.000Z`. By hand, because every recorded event is written with it, and chrono takes several
    /// times as long; a test holds it to chrono.
    fn to_ascii(self) -> [u8; 24] {
        const DAY_MS: i64 = 86_400_000;
        let (year, month, day) = civil(self.0.div_euclid(DAY_MS));
        let ms = self.0.rem_euclid(DAY_MS);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put(&mut text[..4], year);
        put(&mut text[5..7], month);
        put(&mut text[8..10], day);
        put(&mut text[11..13], ms / 3_600_000);
        put(&mut text[14..16], ms / 60_000 % 60);
        put(&mut text[17..19], ms / 1_000 % 60);
        put(&mut text[20..23], ms % 1_000);
        text
    }
}

/// Decimal digits, as many as there is room.
fn put(text: &mut [u8], mut number: i64) {
    for digit in text.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar. Years begin in March here, so that the
/// leap day is the last one.
const fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    const DAYS_TO_1970: i64 = 719_468;
    let days = days + DAYS_TO_1970;
    let era = days.div_euclid(DAYS_OF_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let moment = DateTime::parse_from_rfc3339(text)
            .map_err(|_| TimestampError::NotRfc3339(text.chars().take(50).collect()))?;
        Self::from_millis(moment.timestamp_millis())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.to_ascii()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimestampVisitor;

        impl de::Visitor<'_> for TimestampVisitor {
            type Value = Timestamp;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("milliseconds since 1970 or an RFC 3339 time")
            }

            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Timestamp, E> {
                Timestamp::from_millis(millis).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Timestamp, E> {
                self.visit_i64(i64::try_from(millis).unwrap_or(i64::MAX))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(TimestampVisitor)
    }
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_shown_as_chrono_shows_it(millis in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let timestamp = Timestamp(millis);
            let expected = timestamp.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(timestamp.to_string(), expected);
        }
    }

    #[test]
    fn a_moment_of_the_system_is_cut_to_milliseconds() {
        let at = |millis: i64| {
            let distance = Duration::from_millis(millis.unsigned_abs());
            let epoch = SystemTime::UNIX_EPOCH;
            Timestamp::try_from(if millis < 0 {
                epoch - distance
            } else {
                epoch + distance
            })
        };
        for millis in [0, 1, -1, 1_700_000_000_123, Timestamp::MIN.0, Timestamp::MAX.0] {
            assert_eq!(at(millis), Ok(Timestamp(millis)));
        }
        let too_late = Timestamp::MAX.0 + 1;
        assert_eq!(at(too_late), Err(TimestampError::OutOfRange(too_late)));
    }

    #[test]
    fn every_day_of_400_years_is_shown_as_chrono_shows_it() {
        for day in -146_097 / 2..=146_097 / 2 {
            let timestamp = Timestamp(day * 86_400_000);
            let expected = timestamp
                .to_datetime()
                .to_rfc3339_opts(SecondsFormat::Millis, true);
            assert_eq!(timestamp.to_string(), expected);
        }
    }

    #[test]
    fn the_limits_are_the_years_1_and_9999() {
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
        assert!(Timestamp::from_millis(Timestamp::MAX.as_millis() + 1).is_err());
        assert!(Timestamp::from_millis(i64::MIN).is_err());
    }

    #[test]
    fn it_is_read_from_millis_and_from_rfc_3339_with_any_offset() {
        let expected = Timestamp::from_millis(1_700_000_000_123).unwrap();
        for json in [
            "1700000000123",
            "\"2023-11-14T22:13:20.123Z\"",
            "\"2023-11-15T07:13:20.123+09:00\"",
        ] {
            assert_eq!(serde_json::from_str::<Timestamp>(json).unwrap(), expected);
        }
        assert_eq!(
            serde_json::to_string(&expected).unwrap(),
            "\"2023-11-14T22:13:20.123Z\""
        );
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
        assert!(serde_json::from_str::<Timestamp>("18446744073709551615").is_err());
    }
}
