//! Log lines at a bounded rate: what goes wrong a thousand times a second is said once in ten seconds.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How much time lies between two lines at least.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lets one of many through. Takes no lock.
#[derive(Debug)]
pub(crate) struct Limiter {
    made: Instant,
    /// Milliseconds since `made`.
    next_line_ms: AtomicU64,
    unsaid: AtomicU64,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            made: Instant::now(),
            next_line_ms: AtomicU64::new(0),
            unsaid: AtomicU64::new(0),
        }
    }
}

impl Limiter {
    /// Counts an occurrence. When it is time for a line: how many it speaks for.
    pub(crate) fn count(&self) -> Option<u64> {
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        let now_ms = millis(self.made.elapsed());
        let next_line_ms = self.next_line_ms.load(Ordering::Relaxed);
        if now_ms < next_line_ms {
            return None;
        }
        // Of several threads that come here at once, the one that moves the time on writes the line.
        let later_ms = now_ms + millis(INTERVAL);
        self.next_line_ms
            .compare_exchange(next_line_ms, later_ms, Ordering::Relaxed, Ordering::Relaxed)
            .ok()
            .map(|_| self.unsaid.swap(0, Ordering::Relaxed))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_speaks_for_many() {
        let limiter = Limiter::default();
        assert_eq!(limiter.count(), Some(1));
        for _ in 0..1_000 {
            assert_eq!(limiter.count(), None);
        }
        limiter.next_line_ms.store(0, Ordering::Relaxed);
        assert_eq!(limiter.count(), Some(1_001));
    }
}
