//! How long to wait before a retry: exponential, with full jitter, so that collectors that failed together do not retry
//! together.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(5);

/// Waits of random length, up to a ceiling that doubles with each failure from 100 ms to 5 s.
#[derive(Debug)]
pub struct Backoff {
    ceiling: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// Before the first failure.
    #[must_use]
    pub fn new() -> Self {
        Self { ceiling: FIRST }
    }

    /// Waits; `false` when cancelled meanwhile.
    pub(crate) async fn wait(&mut self, stop: &CancellationToken) -> bool {
        tokio::select! {
            () = tokio::time::sleep(self.next_wait()) => true,
            () = stop.cancelled() => false,
        }
    }

    /// How long to wait this time.
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = self.ceiling;
        self.ceiling = (ceiling * 2).min(LIMIT);
        ceiling.mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_limit() {
        let mut backoff = Backoff::new();
        for ceiling_ms in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
            assert_eq!(backoff.ceiling, Duration::from_millis(ceiling_ms));
            assert!(backoff.next_wait() <= Duration::from_millis(ceiling_ms));
        }
    }

    #[test]
    fn collectors_that_failed_together_do_not_retry_together() {
        let waits: HashSet<_> = (0..100).map(|_| Backoff::new().next_wait()).collect();
        assert!(waits.len() > 90, "{waits:?}");
    }
}
