//! A batch before and after the database has seen it, free of SQL: which events are copies of each other, which are
//! new, which are known, and which contradict what is known.
//!
//! Rule of thumb: the database alone decides who stores an event; this only draws the conclusions.

use std::{collections::HashMap, ops::Range};

use saga_types::SagaEvent;

/// What names an event: its saga and its id. Both adapters order by it, byte by byte.
pub(super) type Key<'a> = (&'a str, &'a str);

pub(super) fn key(event: &SagaEvent) -> Key<'_> {
    (event.saga_id.as_str(), event.event_id.as_str())
}

/// How the transaction of a batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a commit.
    Stored,
    /// As if it had never been; what it would have done is known all the same.
    Rehearsed,
}

/// A batch of events, ordered by key, so that two writers lock rows in the same order.
pub(super) struct Batch {
    events: Vec<SagaEvent>,
    /// Indexes of the events, ordered by key; copies of one event in the order of the batch.
    order: Vec<usize>,
    /// The range of `order` that each distinct event takes.
    distinct: Vec<Range<usize>>,
}

/// What became of the events of a batch, once the database has spoken.
pub(super) struct Sorted<'a> {
    /// New events, one for each key, ordered by key.
    pub(super) new: Vec<&'a SagaEvent>,
    /// The same, by their index in the batch.
    pub(super) new_indexes: Vec<usize>,
    /// How many events were known or came twice.
    pub(super) duplicates: usize,
    /// Events with a known id and other content, by their index in the batch.
    pub(super) conflicts: Vec<usize>,
}

impl Batch {
    pub(super) fn new(events: Vec<SagaEvent>) -> Self {
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by(|left, right| key(&events[*left]).cmp(&key(&events[*right])));
        let mut distinct = Vec::with_capacity(order.len());
        let mut begin = 0;
        for copies in order.chunk_by(|left, right| key(&events[*left]) == key(&events[*right])) {
            distinct.push(begin..begin + copies.len());
            begin += copies.len();
        }
        Self {
            events,
            order,
            distinct,
        }
    }

    /// The first copy of each distinct event, ordered by key.
    pub(super) fn firsts(&self) -> impl ExactSizeIterator<Item = &SagaEvent> {
        self.distinct
            .iter()
            .map(|copies| &self.events[self.order[copies.start]])
    }

    /// How many distinct events there are.
    pub(super) fn len(&self) -> usize {
        self.distinct.len()
    }

    /// The sagas of the batch, once each.
    pub(super) fn saga_ids(&self) -> Vec<&str> {
        let mut saga_ids: Vec<&str> = self.firsts().map(|event| event.saga_id.as_str()).collect();
        saga_ids.dedup();
        saga_ids
    }

    /// Leaves the events of some sagas out; which, by their index in the batch.
    pub(super) fn leave_out(&mut self, sagas: &[String]) -> Vec<usize> {
        let mut left_out = Vec::new();
        self.distinct.retain(|copies| {
            let copies = &self.order[copies.clone()];
            let stays = !sagas
                .iter()
                .any(|saga_id| self.events[copies[0]].saga_id == **saga_id);
            if !stays {
                left_out.extend(copies);
            }
            stays
        });
        left_out
    }

    /// Draws the conclusions, given what is stored of the events that the database knew already.
    pub(super) fn sort_out(&self, stored: &[SagaEvent]) -> Sorted<'_> {
        let stored: HashMap<Key<'_>, &SagaEvent> = stored.iter().map(|event| (key(event), event)).collect();
        let mut sorted = Sorted {
            new: Vec::with_capacity(self.len() - stored.len().min(self.len())),
            new_indexes: Vec::with_capacity(self.len()),
            duplicates: 0,
            conflicts: Vec::new(),
        };
        for copies in &self.distinct {
            let mut copies = &self.order[copies.clone()];
            let first = &self.events[copies[0]];
            let original = match stored.get(&key(first)) {
                Some(stored) => *stored,
                None => {
                    sorted.new.push(first);
                    sorted.new_indexes.push(copies[0]);
                    copies = &copies[1..];
                    first
                }
            };
            for index in copies {
                if self.events[*index] == *original {
                    sorted.duplicates += 1;
                } else {
                    sorted.conflicts.push(*index);
                }
            }
        }
        sorted.conflicts.sort_unstable();
        sorted
    }
}
