//! A batch before and after the database has seen it, free of SQL: which events are copies of each other, which are
//! new, which are known, and which contradict what is known.
//!
//! Rule of thumb: the database alone decides who stores an event; this only draws the conclusions.

use std::{collections::HashMap, ops::Range, sync::Arc};

use saga_types::SagaEvent;

use crate::Conclude;

/// What names an event: its saga and its id. Both adapters order by it, byte by byte.
pub(super) type Key<'a> = (&'a str, &'a str);

pub(super) fn key(event: &SagaEvent) -> Key<'_> {
    (event.saga_id.as_str(), event.event_id.as_str())
}

/// How the transaction of a batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TxOutcome {
    /// It is committed.
    Committed,
    /// It is rolled back; the answer says what it would have stored.
    RolledBack,
}

/// What the transaction of a batch writes beside the events and what follows from them.
#[derive(Default)]
pub(super) struct Beside {
    /// What is written down of who asked for it.
    pub(super) conclude: Option<Conclude>,
    /// Rows that note what the batch showed of producers.
    pub(super) observed: Vec<String>,
}

impl Beside {
    pub(super) fn is_empty(&self) -> bool {
        self.conclude.is_none() && self.observed.is_empty()
    }
}

/// A batch of events, ordered by key, so that two writers lock rows in the same order.
pub(super) struct Batch {
    events: Arc<[SagaEvent]>,
    /// Indexes of the events, ordered by key; copies of one event in the order of the batch.
    order: Vec<usize>,
    /// The range of `order` that each distinct event takes.
    distinct: Vec<Range<usize>>,
}

/// What became of the events of a batch, by what the database had of them.
pub(super) struct Classified<'a> {
    /// New events, one for each key, ordered by key.
    pub(super) new: Vec<&'a SagaEvent>,
    /// The same, by their index in the batch.
    pub(super) new_indexes: Vec<usize>,
    /// How many events were known or came twice.
    pub(super) duplicates: usize,
    /// Events with a known id and other content, by their index in the batch.
    pub(super) conflicts: Vec<usize>,
}

/// An event that the database knew already.
pub(super) struct KnownEvent {
    pub(super) event: SagaEvent,
    /// Whether its metadata was erased.
    pub(super) is_erased: bool,
}

impl KnownEvent {
    /// Whether another event says the same. Of an erased one the metadata is not there to be compared: the record that Kafka
    /// still has must neither contradict it nor bring the metadata back.
    fn is_repeated_by(&self, other: &SagaEvent) -> bool {
        let without_metadata = |event: &SagaEvent| SagaEvent {
            metadata: None,
            ..event.clone()
        };
        match self.is_erased {
            true => without_metadata(other) == without_metadata(&self.event),
            false => *other == self.event,
        }
    }
}

impl Batch {
    pub(super) fn new(events: Arc<[SagaEvent]>) -> Self {
        let order = ordered(&events);
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
    pub(super) fn exclude(&mut self, sagas: &[String]) -> Vec<usize> {
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
    pub(super) fn classify(&self, stored: &[KnownEvent]) -> Classified<'_> {
        let stored: HashMap<Key<'_>, &KnownEvent> =
            stored.iter().map(|known| (key(&known.event), known)).collect();
        let mut sorted = Classified {
            new: Vec::with_capacity(self.len() - stored.len().min(self.len())),
            new_indexes: Vec::with_capacity(self.len()),
            duplicates: 0,
            conflicts: Vec::new(),
        };
        for copies in &self.distinct {
            let mut copies = &self.order[copies.clone()];
            let first = &self.events[copies[0]];
            let known = stored.get(&key(first));
            if known.is_none() {
                sorted.new.push(first);
                sorted.new_indexes.push(copies[0]);
                copies = &copies[1..];
            }
            for index in copies {
                let copy = &self.events[*index];
                if known.map_or_else(|| copy == first, |known| known.is_repeated_by(copy)) {
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

/// The indexes of events, ordered by key; copies stay as they are. Most comparisons are of two sagas, and end with the
/// beginnings of their ids, which lie side by side.
fn ordered(events: &[SagaEvent]) -> Vec<usize> {
    let beginning = |event: &SagaEvent| {
        let mut beginning = [0; 16];
        let id = event.saga_id.as_str().as_bytes();
        let length = id.len().min(beginning.len());
        beginning[..length].copy_from_slice(&id[..length]);
        u128::from_be_bytes(beginning)
    };
    let mut order: Vec<(u128, usize)> = events.iter().map(beginning).zip(0..).collect();
    order.sort_by(|left, right| {
        let by_key = || key(&events[left.1]).cmp(&key(&events[right.1]));
        left.0.cmp(&right.0).then_with(by_key)
    });
    order.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use saga_types::{SagaStatus, SagaType, Timestamp, steps};

    use super::*;

    #[test]
    fn events_are_ordered_by_saga_and_id_byte_by_byte() {
        let keys = [
            ("saga", "2"),
            ("saga\u{e9}", "1"),
            ("0199c9a2-aaaa-7aaa-b", "9"),
            ("0199c9a2-aaaa-7aaa-a", "1"),
            ("saga", "10"),
            ("s", "1"),
            ("saga ", "1"),
        ];
        let event = |(saga_id, event_id): &(&str, &str)| {
            SagaEvent::new(
                event_id.parse().unwrap(),
                saga_id.parse().unwrap(),
                "ORD-1".parse().unwrap(),
                SagaType::ORDER_CREATION,
                steps::ORDER_CREATED,
                SagaStatus::Started,
                Timestamp::MIN,
            )
        };
        let events: Vec<SagaEvent> = keys.iter().chain(&keys).map(event).collect();
        let mut expected: Vec<usize> = (0..events.len()).collect();
        expected.sort_by_key(|index| key(&events[*index]));
        assert_eq!(ordered(&events), expected);
    }
}
