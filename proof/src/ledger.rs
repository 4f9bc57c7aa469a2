//! What was acknowledged: a bit for each planned event.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A set of numbers below a limit, filled from several threads.
#[derive(Debug)]
pub(crate) struct Bits {
    words: Vec<AtomicU64>,
    count: AtomicUsize,
}

impl Bits {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            words: (0..limit.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            count: AtomicUsize::new(0),
        }
    }

    /// Adds a number; whether it was not there before.
    pub(crate) fn set(&self, number: usize) -> bool {
        let bit = 1 << (number % 64);
        let is_new = self.words[number / 64].fetch_or(bit, Ordering::AcqRel) & bit == 0;
        if is_new {
            self.count.fetch_add(1, Ordering::AcqRel);
        }
        is_new
    }

    /// How many numbers there are.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_once() {
        let bits = Bits::new(130);
        assert!(bits.set(129) && bits.set(0) && !bits.set(129));
        assert_eq!(bits.count(), 2);
    }
}
