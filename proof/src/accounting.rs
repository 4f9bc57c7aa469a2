//! What was acknowledged: a bit for each planned event, and every bad record as it was sent.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

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

    pub(crate) fn has(&self, number: usize) -> bool {
        self.words[number / 64].load(Ordering::Acquire) & (1 << (number % 64)) != 0
    }

    /// How many numbers there are.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }
}

/// Where a record stands on the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// A record byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RawRecord {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    /// Names are bytes, too.
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// What the broker acknowledged.
#[derive(Debug)]
pub(crate) struct Accounting {
    /// Events, by their number in the plan.
    pub(crate) events: Bits,
    repeats: AtomicUsize,
    refused: AtomicUsize,
    poison: Mutex<HashMap<Origin, RawRecord>>,
}

impl Accounting {
    pub(crate) fn new(events: usize) -> Self {
        Self {
            events: Bits::new(events),
            repeats: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            poison: Mutex::default(),
        }
    }

    /// An event arrived.
    pub(crate) fn event(&self, number: usize) {
        if !self.events.set(number) {
            self.repeats.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A bad record arrived.
    pub(crate) fn poison(&self, origin: Origin, record: RawRecord) {
        self.poisoned().insert(origin, record);
    }

    /// A record was given up by the producer.
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many events were acknowledged a second time.
    pub(crate) fn repeats(&self) -> usize {
        self.repeats.load(Ordering::Relaxed)
    }

    /// How many records the producer gave up.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// The bad records that were acknowledged, by where they stand.
    pub(crate) fn poisoned(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, RawRecord>> {
        self.poison.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_once() {
        let bits = Bits::new(130);
        assert!(bits.set(129) && bits.set(0) && !bits.set(129));
        assert_eq!((bits.count(), bits.has(129), bits.has(128)), (2, true, false));
    }
}
