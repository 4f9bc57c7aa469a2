//! Times as callers write them: RFC 3339, also without its seconds, or a date, which is its first or its last millisecond
//! (UTC).

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use saga_types::Timestamp;

/// One millisecond less than a day.
const TO_THE_END_OF_THE_DAY: Duration = Duration::from_millis(24 * 60 * 60 * 1000 - 1);

/// Reads a time; a date is its first millisecond.
pub(crate) fn from_start(text: &str) -> Result<Timestamp, String> {
    read(text, Duration::ZERO)
}

/// Reads a time; a date is its last millisecond.
pub(crate) fn to_end(text: &str) -> Result<Timestamp, String> {
    read(text, TO_THE_END_OF_THE_DAY)
}

fn read(text: &str, into_the_day: Duration) -> Result<Timestamp, String> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        let start: DateTime<Utc> = date.and_time(NaiveTime::MIN).and_utc();
        let start = Timestamp::try_from(start).map_err(|error| error.to_string())?;
        return Ok(start.saturating_add(into_the_day));
    }
    // A + that was not percent-encoded arrives as a space, which no time holds.
    let text = text.replace(' ', "+");
    with_seconds(&text).parse().map_err(|_| {
        format!(
            "{text:?} must be an RFC 3339 time such as 2026-11-22T08:26:40Z, or a date such as 2026-11-22"
        )
    })
}

/// A form offers no seconds, which nobody types.
fn with_seconds(text: &str) -> String {
    const TO_THE_MINUTE: usize = "2026-11-22T08:26".len();
    match text.split_at_checked(TO_THE_MINUTE) {
        Some((minute, zone)) if zone.starts_with(['Z', 'z', '+', '-']) => format!("{minute}:00{zone}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_or_its_last_millisecond() {
        assert_eq!(
            from_start("2026-11-22").unwrap().to_string(),
            "2026-11-22T00:00:00.000Z"
        );
        assert_eq!(
            to_end("2026-11-22").unwrap().to_string(),
            "2026-11-22T23:59:59.999Z"
        );
        assert_eq!(to_end("9999-12-31").unwrap(), Timestamp::MAX);
    }

    #[test]
    fn a_time_may_have_any_offset_even_with_its_plus_lost() {
        for text in [
            "2026-11-22T09:00:00+09:00",
            "2026-11-22T09:00:00 09:00",
            "2026-11-22T00:00:00Z",
            "2026-11-22T00:00Z",
            "2026-11-22T09:00 09:00",
        ] {
            assert_eq!(to_end(text).unwrap().to_string(), "2026-11-22T00:00:00.000Z");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "yesterday",
            "2026-13-01",
            "2026-11-22T08:00:00",
            "2026-11-22T08:00",
            "2026-11-22T0€:0Z",
            "1700000000000",
            "+99999-01-01",
            "0000-01-01",
        ] {
            assert!(from_start(text).is_err(), "{text}");
        }
    }
}
