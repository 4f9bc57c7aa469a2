//! Records that cannot be enqueued yet: the schema's id is not known, or the producer is being replaced.
//!
//! The limits are those of librdkafka's queue, and records leave in the order of recording.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::message::OwnedHeaders;

use crate::{DropReason, SagaConfig};

/// An encoded event, with everything that librdkafka needs.
pub(super) struct PendingRecord<'a, T> {
    /// Its number in the order of recording, as in its headers.
    pub(super) sequence: u64,
    pub(super) key: Cow<'a, [u8]>,
    pub(super) value: Vec<u8>,
    pub(super) headers: OwnedHeaders,
    pub(super) completion: T,
}

impl<T> PendingRecord<'_, T> {
    pub(super) fn into_owned(self) -> PendingRecord<'static, T> {
        PendingRecord {
            sequence: self.sequence,
            key: Cow::Owned(self.key.into_owned()),
            value: self.value,
            headers: self.headers,
            completion: self.completion,
        }
    }

    fn bytes(&self) -> u64 {
        (self.key.len() + self.value.len()) as u64
    }
}

/// Holds records, up to a number, a size and an age.
pub(super) struct PendingBuffer<T> {
    contents: Mutex<Contents<T>>,
    max_events: usize,
    max_bytes: u64,
    max_age: Duration,
}

struct Contents<T> {
    /// By sequence, each with its expiry.
    records: BTreeMap<u64, (Instant, PendingRecord<'static, T>)>,
    bytes: u64,
    is_closed: bool,
}

impl<T> PendingBuffer<T> {
    pub(super) fn new(config: &SagaConfig, max_age: Duration) -> Self {
        Self {
            contents: Mutex::new(Contents {
                records: BTreeMap::new(),
                bytes: 0,
                is_closed: false,
            }),
            max_events: config.buffer.max_events as usize,
            max_bytes: config.buffer.max_bytes,
            max_age,
        }
    }

    /// Adds a record of this age. Returns it, with the reason, when it does not fit.
    pub(super) fn push(
        &self,
        record: PendingRecord<'_, T>,
        age: Duration,
    ) -> Result<(), (DropReason, Box<PendingRecord<'static, T>>)> {
        let record = record.into_owned();
        let mut contents = self.lock();
        if contents.is_closed {
            return Err((DropReason::Closed, Box::new(record)));
        }
        if contents.records.len() >= self.max_events || contents.bytes + record.bytes() > self.max_bytes {
            return Err((DropReason::QueueFull, Box::new(record)));
        }
        let expires = Instant::now() + self.max_age.saturating_sub(age);
        contents.bytes += record.bytes();
        contents.records.insert(record.sequence, (expires, record));
        Ok(())
    }

    /// The first records, at most so many, each with its age.
    pub(super) fn pop(&self, count: usize) -> Vec<(Duration, PendingRecord<'static, T>)> {
        let now = Instant::now();
        let age = |expires: Instant| {
            self.max_age
                .saturating_sub(expires.saturating_duration_since(now))
        };
        let mut contents = self.lock();
        let first = std::iter::from_fn(|| contents.pop_first()).take(count);
        first.map(|(expires, record)| (age(expires), record)).collect()
    }

    /// The records that have reached the maximum age.
    pub(super) fn pop_expired(&self) -> Vec<PendingRecord<'static, T>> {
        let now = Instant::now();
        let mut contents = self.lock();
        let expired = std::iter::from_fn(|| {
            let (_, (expires, _)) = contents.records.first_key_value()?;
            if *expires > now {
                None
            } else {
                contents.pop_first()
            }
        });
        expired.map(|(_, record)| record).collect()
    }

    /// Refuses further records, and returns those that are left.
    pub(super) fn close(&self) -> Vec<PendingRecord<'static, T>> {
        self.lock().is_closed = true;
        let left = self.pop(usize::MAX);
        left.into_iter().map(|(_, record)| record).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().records.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Contents<T>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Contents<T> {
    fn pop_first(&mut self) -> Option<(Instant, PendingRecord<'static, T>)> {
        let (_, (expires, record)) = self.records.pop_first()?;
        self.bytes -= record.bytes();
        Some((expires, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(max_events: u32, max_bytes: u64) -> PendingBuffer<()> {
        let mut config = SagaConfig::default();
        config.buffer.max_events = max_events;
        config.buffer.max_bytes = max_bytes;
        PendingBuffer::new(&config, Duration::from_secs(60))
    }

    fn record(sequence: u64, bytes: usize) -> PendingRecord<'static, ()> {
        PendingRecord {
            sequence,
            key: Cow::Borrowed(&[]),
            value: vec![0; bytes],
            headers: OwnedHeaders::new(),
            completion: (),
        }
    }

    fn push(buffer: &PendingBuffer<()>, sequence: u64, bytes: usize) -> Option<DropReason> {
        let refused = buffer.push(record(sequence, bytes), Duration::ZERO).err();
        refused.map(|(reason, _)| reason)
    }

    #[test]
    fn records_returned_late_leave_in_the_order_of_recording() {
        let buffer = buffer(10, 1_000);
        for sequence in [7, 3, 9] {
            assert_eq!(push(&buffer, sequence, 1), None);
        }
        let order: Vec<_> = buffer.pop(2).iter().map(|(_, record)| record.sequence).collect();
        assert_eq!(order, [3, 7]);
        assert!(!buffer.is_empty());
    }

    #[test]
    fn it_is_bounded_in_events_and_in_bytes() {
        let buffer = buffer(2, 100);
        assert_eq!(push(&buffer, 1, 60), None);
        assert_eq!(push(&buffer, 2, 60), Some(DropReason::QueueFull));
        assert_eq!(push(&buffer, 3, 40), None);
        assert_eq!(push(&buffer, 4, 0), Some(DropReason::QueueFull));
        buffer.pop(1);
        assert_eq!(push(&buffer, 5, 60), None, "popped records free space");
    }

    #[test]
    fn the_age_of_a_returned_record_counts_towards_its_expiry() {
        let buffer = buffer(10, 1_000);
        buffer.push(record(1, 1), Duration::from_secs(60)).ok().unwrap();
        buffer.push(record(2, 1), Duration::ZERO).ok().unwrap();
        assert_eq!(buffer.pop_expired().len(), 1);
        assert_eq!(buffer.pop(9)[0].1.sequence, 2);
    }

    #[test]
    fn a_closed_buffer_refuses_records() {
        let buffer = buffer(10, 1_000);
        assert_eq!(push(&buffer, 1, 1), None);
        assert_eq!(buffer.close().len(), 1);
        assert_eq!(push(&buffer, 2, 1), Some(DropReason::Closed));
    }
}
