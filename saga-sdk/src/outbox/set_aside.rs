//! Sagas that stand aside, because the topic refuses one of their events for what it is.
//!
//! Rule of thumb: only the event's own fault counts. A broker that is away holds up everybody, and nobody stands aside for
//! it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// So many stand aside at most; those beyond are tried with every round.
const MOST: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct SetAside(HashMap<String, Standing>);

#[derive(Debug, Clone, Copy)]
struct Standing {
    until: Instant,
    pause: Duration,
}

impl SetAside {
    /// Those that are not to be tried yet.
    pub(super) fn at(&self, now: Instant) -> Vec<String> {
        let aside = self.0.iter().filter(|(_, standing)| standing.until > now);
        aside.map(|(saga, _)| saga.clone()).collect()
    }

    /// An event of it was refused: it stands aside, twice as long as the time before.
    pub(super) fn refused(&mut self, saga_id: &str, first: Duration, longest: Duration, now: Instant) {
        let before = self.0.get(saga_id);
        if before.is_none() && self.0.len() >= MOST {
            return;
        }
        let pause = before.map_or(first, |before| (before.pause * 2).min(longest));
        let until = now + pause;
        self.0.insert(saga_id.to_owned(), Standing { until, pause });
    }

    /// An event of it was published.
    pub(super) fn published(&mut self, saga_id: &str) {
        self.0.remove(saga_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(3);

    #[test]
    fn a_saga_stands_aside_longer_and_longer_until_an_event_is_published() {
        let mut aside = SetAside::default();
        let mut now = Instant::now();
        for pause in [1, 2, 3, 3, 3] {
            aside.refused("saga-1", FIRST, LONGEST, now);
            now += Duration::from_secs(pause);
            assert_eq!(aside.at(now - Duration::from_millis(1)), ["saga-1"]);
            assert!(aside.at(now).is_empty());
        }
        aside.published("saga-1");
        aside.refused("saga-1", FIRST, LONGEST, now);
        assert!(aside.at(now + FIRST).is_empty());
    }

    #[test]
    fn no_more_than_so_many_stand_aside() {
        let mut aside = SetAside::default();
        let now = Instant::now();
        for number in 0..MOST + 5 {
            aside.refused(&format!("saga-{number}"), FIRST, LONGEST, now);
        }
        assert_eq!(aside.at(now).len(), MOST);
    }
}
