//! As of which moment lateness is evaluated, and whether it is evaluated at all.

use std::time::{Duration, Instant};

use saga_types::Timestamp;

use super::Freshness;

/// How long ingest must have been up to date. After an outage of the broker the topic holds nothing new for a moment, because
/// services have yet to send what they could not.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// The moment up to which lateness is evaluated; it stands still while ingest lags.
#[derive(Debug, Default)]
pub(crate) struct SettledWatermark {
    fresh_since: Option<Instant>,
    moment: Option<Timestamp>,
    is_settled: bool,
}

impl SettledWatermark {
    /// Takes in how fresh the store is.
    pub(crate) fn observe(&mut self, freshness: &Freshness, now: Instant) {
        self.fresh_since = match freshness.up_to_date {
            true => self.fresh_since.or(Some(now)),
            false => None,
        };
        self.is_settled = self
            .fresh_since
            .is_some_and(|since| now.duration_since(since) >= SETTLED_AFTER);
        if self.is_settled {
            self.moment = self.moment.max(freshness.as_of);
        }
    }

    /// Everything that happened until then is known. None before ingest was ever up to date.
    pub(crate) fn moment(&self) -> Option<Timestamp> {
        self.moment
    }

    pub(crate) fn is_paused(&self) -> bool {
        !self.is_settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::Progress;
    use saga_store::PartitionProgress;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::MIN.saturating_add(Duration::from_secs(1_000_000 + seconds))
    }

    /// The watermark when everything up to these moments (in seconds) is stored, each five seconds after the other.
    fn moments(as_of: &[u64]) -> Vec<(bool, Option<Timestamp>)> {
        let (progress, start) = (Progress::default(), Instant::now());
        let mut watermark = SettledWatermark::default();
        let mut observe = |(turn, as_of): (u64, &u64)| {
            let now = at(turn * 5);
            progress.load(vec![PartitionProgress {
                partition: 0,
                events_behind: 0,
                as_of: Some(at(*as_of)),
                observed_at: now,
            }]);
            watermark.observe(&progress.freshness(now), start + Duration::from_secs(turn * 5));
            (watermark.is_paused(), watermark.moment())
        };
        (0..).zip(as_of).map(&mut observe).collect()
    }

    #[test]
    fn it_begins_once_ingest_has_been_up_to_date_for_a_while() {
        let expected = [
            (true, None),
            (true, None),
            (false, Some(at(9))),
            (false, Some(at(14))),
        ];
        assert_eq!(moments(&[0, 4, 9, 14]), expected);
    }

    #[test]
    fn its_clock_stands_still_while_ingest_lags() {
        let said = moments(&[0, 5, 10, 11, 12, 12, 19, 33, 38, 43]);
        assert_eq!(said[3], (false, Some(at(11))));
        // Behind by more than ten seconds from the sixth turn on, and up to date again from the eighth.
        assert_eq!(said[5..9], [(true, Some(at(12))); 4]);
        assert_eq!(said[9], (false, Some(at(43))));
    }
}
