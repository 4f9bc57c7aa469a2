//! Waits between retries: exponential, with full jitter, so that clients that failed together do not retry together.

use std::time::Duration;

/// How long to wait after a failure: somewhere between nothing and a ceiling that doubles with each failure.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// The first wait is at most this long.
    pub(crate) const fn new(first: Duration) -> Self {
        Self {
            first,
            ceiling: first,
        }
    }

    /// The next wait, at most the ceiling and never more than the limit.
    pub(crate) fn next(&mut self, limit: Duration) -> Duration {
        let ceiling = self.ceiling.min(limit);
        self.ceiling = ceiling.saturating_mul(2);
        ceiling.mul_f64(fastrand::f64())
    }

    /// After a success the next failure is the first one again.
    pub(crate) const fn reset(&mut self) {
        self.ceiling = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(200);
    const LIMIT: Duration = Duration::from_secs(1);

    #[test]
    fn the_ceiling_doubles_up_to_the_limit_and_starts_over_after_a_success() {
        let mut backoff = Backoff::new(FIRST);
        for ceiling_ms in [200, 400, 800, 1_000, 1_000] {
            assert!(backoff.next(LIMIT) <= Duration::from_millis(ceiling_ms));
        }
        assert_eq!(backoff.ceiling, 2 * LIMIT);
        backoff.reset();
        assert!(backoff.next(LIMIT) <= FIRST);
    }

    #[test]
    fn clients_that_failed_together_do_not_retry_together() {
        let waits: std::collections::HashSet<_> = (0..100).map(|_| Backoff::new(FIRST).next(LIMIT)).collect();
        assert!(waits.len() > 90, "{waits:?}");
    }
}
