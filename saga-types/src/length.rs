//! Lengths of time as people read them.

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A length of time, given in milliseconds, in its two largest units: `340 ms`, `2.4 s`, `3 min 20 s`, `9 d 4 h`. What is
/// smaller is left out; a negative length is that of its distance, with a minus.
#[must_use]
pub fn length(millis: i64) -> String {
    let two = |large: i64, small: i64, of: (&str, &str)| match (millis % large) / small {
        0 => format!("{} {}", millis / large, of.0),
        rest => format!("{} {} {rest} {}", millis / large, of.0, of.1),
    };
    match millis {
        ..0 => format!("−{}", length(millis.saturating_neg())),
        0..SECOND => format!("{millis} ms"),
        SECOND..MINUTE if millis % SECOND < 100 => format!("{} s", millis / SECOND),
        SECOND..MINUTE => format!("{}.{} s", millis / SECOND, millis % SECOND / 100),
        MINUTE..HOUR => two(MINUTE, SECOND, ("min", "s")),
        HOUR..DAY => two(HOUR, MINUTE, ("h", "min")),
        _ => two(DAY, HOUR, ("d", "h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units_at_most() {
        assert_eq!(length(0), "0 ms");
        assert_eq!(length(340), "340 ms");
        assert_eq!(length(2_400), "2.4 s");
        assert_eq!(length(3_000), "3 s");
        assert_eq!(length(200_000), "3 min 20 s");
        assert_eq!(length(2 * HOUR), "2 h");
        assert_eq!(length(119 * MINUTE), "1 h 59 min");
        assert_eq!(length(3 * DAY + 4 * HOUR + MINUTE), "3 d 4 h");
        assert_eq!(length(-90 * SECOND), "−1 min 30 s");
        assert!(length(i64::MIN).starts_with('−'));
    }
}
