//! Detects a client that does not read although it could.
//!
//! librdkafka can lose a partition permanently. When the coordinator answers the question for the committed offsets
//! with an error that it does not repeat the question for, as just after a broker came back, the partition stays assigned
//! and is never read; the same happens when its start meets another change of the partition. The membership lives on, so
//! that no other member gets the partition, and nothing is reported.
//!
//! Rule of thumb: only what the client could do counts. While a broker is unavailable, or a partition is paused, it need not move.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use saga_types::Timestamp;

use crate::freshness::Observed;

/// How long a partition with something to read may stand still while its broker answers.
const PARTITION_STALLED_AFTER: Duration = Duration::from_secs(20);

/// How long joining the group may take while a broker answers. Others may hold it up until their sessions end.
const JOIN_STALLED_AFTER: Duration = Duration::from_secs(60);

/// How long no broker may be reached until another client tries, and then again.
const UNREACHABLE_AFTER: Duration = Duration::from_secs(60);

/// After so long, a client that was replaced counts no more.
const DOUBLING_ENDS_AFTER: Duration = Duration::from_secs(600);

/// Each that was replaced doubles the time that the next one has, up to 16 times as long.
const MAX_DOUBLINGS: u32 = 4;

/// What the client's statistics say.
#[derive(Debug)]
pub(super) struct ClientSnapshot {
    /// Whether any broker answers.
    pub(super) is_reachable: bool,
    /// One that does, once its id is known.
    pub(super) broker: Option<i32>,
    /// What the client does in its group, unless it is a settled member.
    pub(super) unsettled: Option<String>,
    /// When the broker last said which partitions the topic has.
    pub(super) metadata_at: Option<Instant>,
    pub(super) partitions: BTreeMap<i32, PartitionSnapshot>,
}

/// What they say of a partition. Offsets below zero are not known.
#[derive(Debug, Clone)]
pub(super) struct PartitionSnapshot {
    /// Whether the broker knows it.
    pub(super) exists: bool,
    /// When its broker last answered, if it answers.
    pub(super) heard: Option<Timestamp>,
    /// Whether the broker that leads it answers.
    pub(super) is_led: bool,
    pub(super) fetch_state: String,
    /// Whether fetched records wait to be handed over.
    pub(super) has_waiting: bool,
    /// Everything before it was handed over, or is no record for us.
    pub(super) position: i64,
    pub(super) next_fetch: i64,
    pub(super) begin: i64,
    /// Where it ends for us: before records of transactions that are open.
    pub(super) end: i64,
    /// Where it ends.
    pub(super) high: i64,
    pub(super) committed: i64,
}

impl ClientSnapshot {
    /// How many partitions the topic has; none when that is not known, 0 when it does not exist.
    pub(super) fn partition_count(&self) -> Option<i32> {
        let existing = self.partitions.iter().filter(|(_, state)| state.exists);
        let highest = existing.map(|(partition, _)| *partition).max();
        match (highest, self.partitions.is_empty()) {
            (Some(highest), _) => Some(highest + 1),
            (None, false) if self.is_reachable => Some(0),
            (None, _) => None,
        }
    }
}

impl PartitionSnapshot {
    /// What it says of how far the partition is stored.
    pub(super) fn observed(&self, at: Timestamp, handed_over: Option<i64>) -> Observed {
        Observed {
            at,
            end: self.end,
            high: self.high,
            begin: self.begin,
            next_fetch: self.next_fetch,
            position: self.position,
            handed_over,
            has_waiting: self.has_waiting,
            committed: self.committed,
        }
    }

    fn could_move(&self) -> bool {
        let is_fetching = self.fetch_state == "active";
        self.is_led && !self.has_waiting && (!is_fetching || self.next_fetch < self.end)
    }
}

/// Since when each partition has not moved.
#[derive(Debug, Default)]
pub(super) struct StallDetector {
    stalled: BTreeMap<i32, Stalled>,
    unsettled_since: Option<Instant>,
    unreachable_since: Option<Instant>,
    replaced: Option<Instant>,
    doublings: u32,
}

#[derive(Debug, Clone, Copy)]
struct Stalled {
    at: i64,
    since: Instant,
}

impl StallDetector {
    /// Why the client must be replaced, if it must.
    pub(super) fn check(
        &mut self,
        snapshot: &ClientSnapshot,
        owned: &BTreeSet<i32>,
        paused: &BTreeSet<i32>,
        now: Instant,
    ) -> Option<String> {
        if self
            .replaced
            .is_some_and(|replaced| now.duration_since(replaced) >= DOUBLING_ENDS_AFTER)
        {
            self.replaced = None;
            self.doublings = 0;
        }
        if !snapshot.is_reachable {
            self.stalled.clear();
            self.unsettled_since = None;
            return None;
        }
        self.unreachable_since = None;
        if let Some(unsettled) = &snapshot.unsettled {
            self.stalled.clear();
            let since = *self.unsettled_since.get_or_insert(now);
            let waited = now.duration_since(since);
            return (waited >= self.timeout(JOIN_STALLED_AFTER)).then(|| {
                format!(
                    "it has not joined the group for {} s: {unsettled}",
                    waited.as_secs()
                )
            });
        }
        self.unsettled_since = None;
        self.check_partitions(snapshot, owned, paused, now)
    }

    fn check_partitions(
        &mut self,
        snapshot: &ClientSnapshot,
        owned: &BTreeSet<i32>,
        paused: &BTreeSet<i32>,
        now: Instant,
    ) -> Option<String> {
        let could_move: BTreeMap<i32, &PartitionSnapshot> = snapshot
            .partitions
            .iter()
            .filter(|(partition, state)| {
                owned.contains(partition) && !paused.contains(partition) && state.could_move()
            })
            .map(|(partition, state)| (*partition, state))
            .collect();
        self.stalled.retain(|partition, stalled| {
            could_move
                .get(partition)
                .is_some_and(|state| state.position == stalled.at)
        });
        let timeout = self.timeout(PARTITION_STALLED_AFTER);
        let mut stuck = None;
        for (partition, state) in could_move {
            let stalled = self.stalled.entry(partition).or_insert(Stalled {
                at: state.position,
                since: now,
            });
            let waited = now.duration_since(stalled.since);
            if waited >= timeout {
                stuck = Some(format!(
                    "partition {partition} has not moved for {} s: fetch state {}, at {} of {}",
                    waited.as_secs(),
                    state.fetch_state,
                    state.next_fetch,
                    state.end
                ));
            }
        }
        stuck
    }

    /// Whether it is time that another client tries to reach a broker. After metadata without brokers, as a broker answers
    /// while it starts, a client can forget them all and never connect again.
    pub(super) fn another_may_try(&mut self, snapshot: &ClientSnapshot, now: Instant) -> bool {
        if snapshot.is_reachable {
            return false;
        }
        let since = *self.unreachable_since.get_or_insert(now);
        let is_due = now.duration_since(since) >= UNREACHABLE_AFTER;
        if is_due {
            self.unreachable_since = Some(now);
        }
        is_due
    }

    /// A client stalled. The next one gets more time the sooner it comes after the one before.
    pub(super) fn replaced(&mut self, now: Instant) {
        self.doublings = (self.doublings + 1).min(MAX_DOUBLINGS);
        self.replaced = Some(now);
    }

    /// A new client begins.
    pub(super) fn forget(&mut self) {
        self.stalled.clear();
        self.unsettled_since = None;
        self.unreachable_since = None;
    }

    fn timeout(&self, base: Duration) -> Duration {
        base * 2_u32.pow(self.doublings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(next: i64, end: i64) -> PartitionSnapshot {
        PartitionSnapshot {
            exists: true,
            heard: None,
            is_led: true,
            fetch_state: "active".to_owned(),
            has_waiting: false,
            position: next,
            next_fetch: next,
            begin: 0,
            end,
            high: end,
            committed: next,
        }
    }

    fn snapshot(partition: PartitionSnapshot) -> ClientSnapshot {
        ClientSnapshot {
            is_reachable: true,
            broker: Some(1),
            unsettled: None,
            metadata_at: None,
            partitions: [(0, partition)].into(),
        }
    }

    /// The finding when the client shows this for so long.
    fn after(timeout: Duration, snapshot: &ClientSnapshot, paused: &[i32]) -> Option<String> {
        let mut detector = StallDetector::default();
        let begun = Instant::now();
        let paused = paused.iter().copied().collect();
        assert_eq!(detector.check(snapshot, &[0].into(), &paused, begun), None);
        detector.check(snapshot, &[0].into(), &paused, begun + timeout)
    }

    #[test]
    fn a_partition_with_more_to_read_that_stands_is_stuck() {
        let finding = after(PARTITION_STALLED_AFTER, &snapshot(reading(5, 9)), &[]);
        assert_eq!(
            finding.as_deref(),
            Some("partition 0 has not moved for 20 s: fetch state active, at 5 of 9")
        );
    }

    #[test]
    fn a_partition_that_was_never_started_is_stuck_whatever_it_holds() {
        let state = PartitionSnapshot {
            fetch_state: "none".to_owned(),
            ..reading(-1001, -1001)
        };
        assert!(after(PARTITION_STALLED_AFTER, &snapshot(state), &[]).is_some());
    }

    #[test]
    fn what_cannot_move_may_stand() {
        let at_its_end = reading(9, 9);
        assert_eq!(after(DOUBLING_ENDS_AFTER, &snapshot(at_its_end), &[]), None);
        assert_eq!(
            after(DOUBLING_ENDS_AFTER, &snapshot(reading(5, 9)), &[0]),
            None,
            "paused"
        );
        let waits_for_us = PartitionSnapshot {
            has_waiting: true,
            ..reading(5, 9)
        };
        assert_eq!(after(DOUBLING_ENDS_AFTER, &snapshot(waits_for_us), &[]), None);
        let without_leader = PartitionSnapshot {
            is_led: false,
            ..reading(5, 9)
        };
        assert_eq!(after(DOUBLING_ENDS_AFTER, &snapshot(without_leader), &[]), None);
        let unreachable = ClientSnapshot {
            is_reachable: false,
            ..snapshot(reading(5, 9))
        };
        assert_eq!(after(DOUBLING_ENDS_AFTER, &unreachable, &[]), None);
        let mut others = snapshot(reading(5, 9));
        others.partitions = [(7, reading(5, 9))].into();
        assert_eq!(after(DOUBLING_ENDS_AFTER, &others, &[]), None);
    }

    #[test]
    fn each_record_handed_over_gives_new_time() {
        let mut detector = StallDetector::default();
        let begun = Instant::now();
        let (owned, paused) = ([0].into(), BTreeSet::new());
        for step in 0..10 {
            let now = begun + PARTITION_STALLED_AFTER / 2 * step;
            let state = snapshot(reading(i64::from(step), 99));
            assert_eq!(detector.check(&state, &owned, &paused, now), None);
        }
    }

    #[test]
    fn a_member_that_never_settles_is_stuck() {
        let unsettled = ClientSnapshot {
            unsettled: Some("up, wait-join".to_owned()),
            ..snapshot(reading(5, 9))
        };
        assert_eq!(after(PARTITION_STALLED_AFTER, &unsettled, &[]), None);
        assert!(after(JOIN_STALLED_AFTER, &unsettled, &[]).is_some());
    }

    #[test]
    fn another_client_tries_after_a_time_without_a_broker_and_again() {
        let mut detector = StallDetector::default();
        let reachable = snapshot(reading(9, 9));
        let unreachable = ClientSnapshot {
            is_reachable: false,
            ..snapshot(reading(9, 9))
        };
        let begun = Instant::now();
        let mut at = |seconds, snapshot: &ClientSnapshot| {
            let now = begun + Duration::from_secs(seconds);
            detector.check(snapshot, &BTreeSet::new(), &BTreeSet::new(), now);
            detector.another_may_try(snapshot, now)
        };
        assert!(!at(0, &unreachable) && !at(59, &unreachable));
        assert!(at(60, &unreachable) && !at(61, &unreachable));
        assert!(at(120, &unreachable));
        assert!(!at(179, &reachable) && !at(180, &unreachable), "it begins anew");
    }

    #[test]
    fn clients_that_are_replaced_one_after_the_other_get_more_and_more_time() {
        let mut detector = StallDetector::default();
        let mut now = Instant::now();
        let timeout = |detector: &StallDetector| detector.timeout(PARTITION_STALLED_AFTER).as_secs();
        assert_eq!(timeout(&detector), 20);
        let mut given = Vec::new();
        for _ in 0..6 {
            now += DOUBLING_ENDS_AFTER / 2;
            detector.check(&snapshot(reading(9, 9)), &[0].into(), &BTreeSet::new(), now);
            detector.replaced(now);
            given.push(timeout(&detector));
        }
        assert_eq!(given, [40, 80, 160, 320, 320, 320]);
        detector.check(
            &snapshot(reading(9, 9)),
            &[0].into(),
            &BTreeSet::new(),
            now + DOUBLING_ENDS_AFTER,
        );
        assert_eq!(timeout(&detector), 20);
    }
}
