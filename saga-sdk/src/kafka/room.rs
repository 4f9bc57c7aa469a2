//! Where events wait while they cannot be handed to librdkafka: the schema's id is not known yet, or the producer is
//! being replaced.
//!
//! Rule of thumb: the bounds are those of librdkafka's own buffer, and what leaves is in the order of recording.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::message::OwnedHeaders;

use crate::{DropReason, SagaConfig};

/// An event on its way, with all that librdkafka asks for.
pub(super) struct Parcel<'a, T> {
    /// Its number in the order of recording, as in its headers.
    pub(super) sequence: u64,
    pub(super) key: Cow<'a, [u8]>,
    pub(super) value: Vec<u8>,
    pub(super) headers: OwnedHeaders,
    pub(super) ticket: T,
}

impl<T> Parcel<'_, T> {
    pub(super) fn into_owned(self) -> Parcel<'static, T> {
        Parcel {
            sequence: self.sequence,
            key: Cow::Owned(self.key.into_owned()),
            value: self.value,
            headers: self.headers,
            ticket: self.ticket,
        }
    }

    fn bytes(&self) -> u64 {
        (self.key.len() + self.value.len()) as u64
    }
}

/// Holds events, up to a number, a size and an age.
pub(super) struct Room<T> {
    inside: Mutex<Inside<T>>,
    max_events: usize,
    max_bytes: u64,
    max_age: Duration,
}

struct Inside<T> {
    /// By sequence, with the moment at which each has waited long enough.
    parcels: BTreeMap<u64, (Instant, Parcel<'static, T>)>,
    bytes: u64,
    is_closed: bool,
}

impl<T> Room<T> {
    pub(super) fn new(config: &SagaConfig, max_age: Duration) -> Self {
        Self {
            inside: Mutex::new(Inside {
                parcels: BTreeMap::new(),
                bytes: 0,
                is_closed: false,
            }),
            max_events: config.buffer.max_events as usize,
            max_bytes: config.buffer.max_bytes,
            max_age,
        }
    }

    /// Takes an event in that is so old already. The other way it comes back, with why.
    pub(super) fn offer(
        &self,
        parcel: Parcel<'_, T>,
        age: Duration,
    ) -> Result<(), (DropReason, Box<Parcel<'static, T>>)> {
        let parcel = parcel.into_owned();
        let mut inside = self.lock();
        if inside.is_closed {
            return Err((DropReason::Closed, Box::new(parcel)));
        }
        if inside.parcels.len() >= self.max_events || inside.bytes + parcel.bytes() > self.max_bytes {
            return Err((DropReason::QueueFull, Box::new(parcel)));
        }
        let expires = Instant::now() + self.max_age.saturating_sub(age);
        inside.bytes += parcel.bytes();
        inside.parcels.insert(parcel.sequence, (expires, parcel));
        Ok(())
    }

    /// The first ones, at most so many, each with the age it has reached.
    pub(super) fn take(&self, count: usize) -> Vec<(Duration, Parcel<'static, T>)> {
        let now = Instant::now();
        let age = |expires: Instant| {
            self.max_age
                .saturating_sub(expires.saturating_duration_since(now))
        };
        let mut inside = self.lock();
        let first = std::iter::from_fn(|| inside.pop_first()).take(count);
        first.map(|(expires, parcel)| (age(expires), parcel)).collect()
    }

    /// Those that have waited too long.
    pub(super) fn take_expired(&self) -> Vec<Parcel<'static, T>> {
        let now = Instant::now();
        let mut inside = self.lock();
        let expired = std::iter::from_fn(|| {
            let (_, (expires, _)) = inside.parcels.first_key_value()?;
            if *expires > now { None } else { inside.pop_first() }
        });
        expired.map(|(_, parcel)| parcel).collect()
    }

    /// Lets nobody in any more, and everybody out.
    pub(super) fn close(&self) -> Vec<Parcel<'static, T>> {
        self.lock().is_closed = true;
        let left = self.take(usize::MAX);
        left.into_iter().map(|(_, parcel)| parcel).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().parcels.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Inside<T> {
    fn pop_first(&mut self) -> Option<(Instant, Parcel<'static, T>)> {
        let (_, (expires, parcel)) = self.parcels.pop_first()?;
        self.bytes -= parcel.bytes();
        Some((expires, parcel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(max_events: u32, max_bytes: u64) -> Room<()> {
        let mut config = SagaConfig::default();
        config.buffer.max_events = max_events;
        config.buffer.max_bytes = max_bytes;
        Room::new(&config, Duration::from_secs(60))
    }

    fn parcel(sequence: u64, bytes: usize) -> Parcel<'static, ()> {
        Parcel {
            sequence,
            key: Cow::Borrowed(&[]),
            value: vec![0; bytes],
            headers: OwnedHeaders::new(),
            ticket: (),
        }
    }

    fn offer(room: &Room<()>, sequence: u64, bytes: usize) -> Option<DropReason> {
        let refused = room.offer(parcel(sequence, bytes), Duration::ZERO).err();
        refused.map(|(reason, _)| reason)
    }

    #[test]
    fn what_comes_back_late_leaves_in_the_order_of_recording() {
        let room = room(10, 1_000);
        for sequence in [7, 3, 9] {
            assert_eq!(offer(&room, sequence, 1), None);
        }
        let order: Vec<_> = room.take(2).iter().map(|(_, parcel)| parcel.sequence).collect();
        assert_eq!(order, [3, 7]);
        assert!(!room.is_empty());
    }

    #[test]
    fn it_is_bounded_in_events_and_in_bytes() {
        let room = room(2, 100);
        assert_eq!(offer(&room, 1, 60), None);
        assert_eq!(offer(&room, 2, 60), Some(DropReason::QueueFull));
        assert_eq!(offer(&room, 3, 40), None);
        assert_eq!(offer(&room, 4, 0), Some(DropReason::QueueFull));
        room.take(1);
        assert_eq!(offer(&room, 5, 60), None, "what left makes room");
    }

    #[test]
    fn what_was_old_when_it_came_expires_first() {
        let room = room(10, 1_000);
        room.offer(parcel(1, 1), Duration::from_secs(60)).ok().unwrap();
        room.offer(parcel(2, 1), Duration::ZERO).ok().unwrap();
        assert_eq!(room.take_expired().len(), 1);
        assert_eq!(room.take(9)[0].1.sequence, 2);
    }

    #[test]
    fn after_the_end_nobody_comes_in() {
        let room = room(10, 1_000);
        assert_eq!(offer(&room, 1, 1), None);
        assert_eq!(room.close().len(), 1);
        assert_eq!(offer(&room, 2, 1), Some(DropReason::Closed));
    }
}
