//! The recent rate of events.

use saga_types::Timestamp;
use serde::{Deserialize, Serialize};

/// Over how long it is measured.
const PERIOD_MS: i64 = 60_000;

/// A measurement in progress, and the result of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pace {
    since: Timestamp,
    /// How many events there were when it began.
    events: u64,
    per_second: Option<f64>,
}

impl Pace {
    /// Before the first event.
    pub(super) fn begin(now: Timestamp) -> Self {
        Self {
            since: now,
            events: 0,
            per_second: None,
        }
    }

    /// There are so many events now.
    pub(super) fn measure(&mut self, now: Timestamp, events: u64) {
        if now.millis_since(self.since) >= PERIOD_MS {
            *self = Self {
                per_second: Some(self.average(now, events)),
                since: now,
                events,
            };
        }
    }

    /// By the last whole measurement; when the one in progress is as long, by that one.
    pub(super) fn per_second(&self, now: Timestamp, events: u64) -> f64 {
        let is_long = now.millis_since(self.since) >= PERIOD_MS;
        match self.per_second {
            Some(per_second) if !is_long => per_second,
            _ => self.average(now, events),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate needs no 53 bits")]
    fn average(&self, now: Timestamp, events: u64) -> f64 {
        let millis = now.millis_since(self.since).max(1_000);
        events.saturating_sub(self.events) as f64 * 1_000.0 / millis as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_760_000_000_000 + seconds * 1_000).unwrap()
    }

    #[test]
    fn it_is_that_of_the_last_minute_and_ends_when_nothing_comes() {
        let mut pace = Pace::begin(at(0));
        let view = |pace: &Pace, second, events| (pace.per_second(at(second), events) * 10.0).round() / 10.0;
        assert_eq!(view(&pace, 10, 50), 5.0);
        pace.measure(at(60), 600);
        assert_eq!(view(&pace, 65, 700), 10.0);
        // Nothing more comes, so nothing is measured either.
        assert_eq!(view(&pace, 110, 700), 10.0);
        assert_eq!(view(&pace, 160, 700), 1.0);
        assert_eq!(view(&pace, 10_060, 700), 0.0);
        pace.measure(at(20_000), 700);
        assert_eq!(view(&pace, 20_001, 700), 0.0);
    }
}
