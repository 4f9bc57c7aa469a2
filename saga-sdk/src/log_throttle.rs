//! Log lines at a bounded rate: at most one in ten seconds, which counts the occurrences since the last one.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The shortest time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lets one of many occurrences be logged. Takes no lock.
#[derive(Debug)]
pub(crate) struct LogThrottle {
    made: Instant,
    /// Milliseconds since `made`.
    next_line_ms: AtomicU64,
    unlogged: AtomicU64,
}

impl Default for LogThrottle {
    fn default() -> Self {
        Self {
            made: Instant::now(),
            next_line_ms: AtomicU64::new(0),
            unlogged: AtomicU64::new(0),
        }
    }
}

impl LogThrottle {
    /// Counts an occurrence. When a line is due: how many occurrences it stands for.
    pub(crate) fn count(&self) -> Option<u64> {
        self.unlogged.fetch_add(1, Ordering::Relaxed);
        let now_ms = millis(self.made.elapsed());
        let next_line_ms = self.next_line_ms.load(Ordering::Relaxed);
        if now_ms < next_line_ms {
            return None;
        }
        // Of several threads at once, the one that advances the time writes the line.
        let later_ms = now_ms + millis(INTERVAL);
        self.next_line_ms
            .compare_exchange(next_line_ms, later_ms, Ordering::Relaxed, Ordering::Relaxed)
            .ok()
            .map(|_| self.unlogged.swap(0, Ordering::Relaxed))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_counts_many_occurrences() {
        let throttle = LogThrottle::default();
        assert_eq!(throttle.count(), Some(1));
        for _ in 0..1_000 {
            assert_eq!(throttle.count(), None);
        }
        throttle.next_line_ms.store(0, Ordering::Relaxed);
        assert_eq!(throttle.count(), Some(1_001));
    }
}
