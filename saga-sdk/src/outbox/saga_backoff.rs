//! Sagas in backoff, because the topic refused one of their events.
//!
//! Only a fault of the event itself counts. An unavailable broker delays all sagas alike and puts none
//! into backoff.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::backoff::Backoff;

/// The most sagas in backoff; further ones are retried with every round.
const MAX_SAGAS: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct SagaBackoffs(HashMap<String, Retry>);

#[derive(Debug)]
struct Retry {
    at: Instant,
    backoff: Backoff,
    refusals: u32,
}

impl SagaBackoffs {
    /// The sagas that are not due for a retry.
    pub(super) fn waiting(&self, now: Instant) -> Vec<String> {
        let waiting = self.0.iter().filter(|(_, retry)| retry.at > now);
        waiting.map(|(saga, _)| saga.clone()).collect()
    }

    /// Whether its last event was refused.
    pub(super) fn is_refused(&self, saga_id: &str) -> bool {
        self.0.contains_key(saga_id)
    }

    /// An event of the saga was refused; how often in a row.
    pub(super) fn refused(&mut self, saga_id: &str, first: Duration, limit: Duration, now: Instant) -> u32 {
        if !self.0.contains_key(saga_id) && self.0.len() >= MAX_SAGAS {
            return 1;
        }
        let retry = self.0.entry(saga_id.to_owned()).or_insert_with(|| Retry {
            at: now,
            backoff: Backoff::new(first),
            refusals: 0,
        });
        retry.at = now + retry.backoff.next(limit);
        retry.refusals += 1;
        retry.refusals
    }

    /// An event of the saga was published or set aside.
    pub(super) fn forget(&mut self, saga_id: &str) {
        self.0.remove(saga_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const LIMIT: Duration = Duration::from_secs(3);

    #[test]
    fn a_refused_saga_is_retried_within_the_limit_and_forgotten_once_published() {
        let mut sagas = SagaBackoffs::default();
        let mut now = Instant::now();
        for limit in [1, 2, 3, 3, 3] {
            sagas.refused("saga-1", FIRST, LIMIT, now);
            now += Duration::from_secs(limit);
            assert!(sagas.waiting(now).is_empty());
        }
        sagas.forget("saga-1");
        assert!(sagas.0.is_empty());
    }

    #[test]
    fn the_number_of_sagas_in_backoff_is_bounded() {
        let mut sagas = SagaBackoffs::default();
        let now = Instant::now();
        for number in 0..MAX_SAGAS + 5 {
            sagas.refused(&format!("saga-{number}"), FIRST, LIMIT, now);
        }
        assert_eq!(sagas.0.len(), MAX_SAGAS);
    }
}
