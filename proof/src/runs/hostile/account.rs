//! What must come of each record that a broker acknowledged.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use saga_types::SagaEvent;

use crate::accounting::{Origin, RawRecord};

/// A saga id and an event id.
pub(super) type EventKey = (String, String);

/// What must come of a record.
#[derive(Debug, Clone)]
pub(super) enum Expect {
    /// It is stored once; how long that takes is measured.
    Stored(EventKey),
    /// It is a dead letter.
    DeadLetter(RawRecord),
    /// One of both: the event that it may be is stored, or it is a dead letter.
    Either(Option<EventKey>),
    /// It leaves no trace: it was aborted, or its topic was deleted.
    Nothing,
}

impl Expect {
    pub(super) fn stored(event: &SagaEvent) -> Self {
        Self::Stored(key(event))
    }
}

pub(super) fn key(event: &SagaEvent) -> EventKey {
    (event.saga_id.to_string(), event.event_id.to_string())
}

/// Shared by the producers, which fill it, and by those who compare.
#[derive(Debug, Default)]
pub(super) struct Account(Mutex<Expected>);

#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Since when events wait to be stored.
    pub(super) waiting: HashMap<EventKey, Instant>,
    pub(super) stored: HashSet<EventKey>,
    pub(super) longest_wait: Duration,
    /// While the oldest waited for more than a minute health said that all is well, for so long at most.
    pub(super) longest_lie: Duration,
    pub(super) letters: HashMap<Origin, RawRecord>,
    pub(super) either: HashMap<Origin, Option<EventKey>>,
    /// What no broker took.
    pub(super) refused: Vec<String>,
    /// Letters of others, that name no place where they come from.
    pub(super) foreign_letters: usize,
}

impl Account {
    pub(super) fn lock(&self) -> MutexGuard<'_, Expected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker has it there.
    pub(super) fn acknowledged(&self, origin: Origin, expect: Expect) {
        let mut expected = self.lock();
        match expect {
            Expect::Stored(key) => _ = expected.waiting.insert(key, Instant::now()),
            Expect::DeadLetter(record) => _ = expected.letters.insert(origin, record),
            Expect::Either(key) => _ = expected.either.insert(origin, key),
            Expect::Nothing => {}
        }
    }

    pub(super) fn refused(&self, error: String) {
        self.lock().refused.push(error);
    }
}
