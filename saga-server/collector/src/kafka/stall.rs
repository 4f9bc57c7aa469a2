//! Notices a client that does not read on although it could.
//!
//! librdkafka can lose sight of a partition for good. When the coordinator answers the question for the committed offsets
//! with an error that it does not repeat the question for, as just after a broker came back, the partition stays assigned
//! and is never read; the same happens when its start meets another change of the partition. The membership lives on, so
//! that nobody else gets the partition, and nothing is said.
//!
//! Rule of thumb: only what the client could do counts. While a broker is away, or a partition is paused, it may stand.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// How long a partition with something to read may stand still while its broker answers.
const PARTITION_PATIENCE: Duration = Duration::from_secs(20);

/// How long joining the group may take while a broker answers. Others may hold it up until their sessions end.
const GROUP_PATIENCE: Duration = Duration::from_secs(60);

/// After so long, a client that was replaced counts no more.
const CALM: Duration = Duration::from_secs(600);

/// Each that was replaced doubles the time that the next one has, up to 16 times as long.
const MOST_DOUBLINGS: u32 = 4;

/// What the client's statistics say.
#[derive(Debug)]
pub(super) struct Seen {
    /// Whether any broker answers.
    pub(super) is_reachable: bool,
    /// What the client does in its group, unless it is a settled member.
    pub(super) unsettled: Option<String>,
    pub(super) partitions: BTreeMap<i32, SeenPartition>,
}

/// What they say of a partition. Offsets below zero are not known.
#[derive(Debug, Clone)]
pub(super) struct SeenPartition {
    /// Whether the broker that leads it answers.
    pub(super) is_led: bool,
    pub(super) fetch_state: String,
    /// Whether fetched records wait to be handed over.
    pub(super) has_waiting: bool,
    pub(super) next_to_hand_over: i64,
    pub(super) next_fetch: i64,
    pub(super) end: i64,
    pub(super) committed: i64,
}

impl SeenPartition {
    fn could_move(&self) -> bool {
        let is_fetching = self.fetch_state == "active";
        self.is_led && !self.has_waiting && (!is_fetching || self.next_fetch < self.end)
    }
}

/// Remembers since when what stands.
#[derive(Debug, Default)]
pub(super) struct StallWatch {
    standing: BTreeMap<i32, Standing>,
    unsettled_since: Option<Instant>,
    replaced: Option<Instant>,
    doublings: u32,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    at: i64,
    since: Instant,
}

impl StallWatch {
    /// Why the client must be replaced, if it must.
    pub(super) fn look(
        &mut self,
        seen: &Seen,
        owned: &BTreeSet<i32>,
        paused: &BTreeSet<i32>,
        now: Instant,
    ) -> Option<String> {
        if self
            .replaced
            .is_some_and(|replaced| now.duration_since(replaced) >= CALM)
        {
            self.replaced = None;
            self.doublings = 0;
        }
        if !seen.is_reachable {
            self.forget();
            return None;
        }
        if let Some(unsettled) = &seen.unsettled {
            self.standing.clear();
            let since = *self.unsettled_since.get_or_insert(now);
            let waited = now.duration_since(since);
            return (waited >= self.patience(GROUP_PATIENCE)).then(|| {
                format!(
                    "it has not joined the group for {} s: {unsettled}",
                    waited.as_secs()
                )
            });
        }
        self.unsettled_since = None;
        self.look_at_partitions(seen, owned, paused, now)
    }

    fn look_at_partitions(
        &mut self,
        seen: &Seen,
        owned: &BTreeSet<i32>,
        paused: &BTreeSet<i32>,
        now: Instant,
    ) -> Option<String> {
        let could_move: BTreeMap<i32, &SeenPartition> = seen
            .partitions
            .iter()
            .filter(|(partition, state)| {
                owned.contains(partition) && !paused.contains(partition) && state.could_move()
            })
            .map(|(partition, state)| (*partition, state))
            .collect();
        self.standing.retain(|partition, standing| {
            could_move
                .get(partition)
                .is_some_and(|state| state.next_to_hand_over == standing.at)
        });
        let patience = self.patience(PARTITION_PATIENCE);
        let mut stuck = None;
        for (partition, state) in could_move {
            let standing = self.standing.entry(partition).or_insert(Standing {
                at: state.next_to_hand_over,
                since: now,
            });
            let waited = now.duration_since(standing.since);
            if waited >= patience {
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

    /// A new client begins, and gets more time the sooner it comes after the one before.
    pub(super) fn replaced(&mut self, now: Instant) {
        self.doublings = (self.doublings + 1).min(MOST_DOUBLINGS);
        self.replaced = Some(now);
        self.forget();
    }

    fn forget(&mut self) {
        self.standing.clear();
        self.unsettled_since = None;
    }

    fn patience(&self, base: Duration) -> Duration {
        base * 2_u32.pow(self.doublings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(next: i64, end: i64) -> SeenPartition {
        SeenPartition {
            is_led: true,
            fetch_state: "active".to_owned(),
            has_waiting: false,
            next_to_hand_over: next,
            next_fetch: next,
            end,
            committed: next,
        }
    }

    fn seen(partition: SeenPartition) -> Seen {
        Seen {
            is_reachable: true,
            unsettled: None,
            partitions: [(0, partition)].into(),
        }
    }

    /// What is said when it is seen like this for so long.
    fn after(patience: Duration, seen: &Seen, paused: &[i32]) -> Option<String> {
        let mut watch = StallWatch::default();
        let begun = Instant::now();
        let paused = paused.iter().copied().collect();
        assert_eq!(watch.look(seen, &[0].into(), &paused, begun), None);
        watch.look(seen, &[0].into(), &paused, begun + patience)
    }

    #[test]
    fn a_partition_with_more_to_read_that_stands_is_stuck() {
        let said = after(PARTITION_PATIENCE, &seen(reading(5, 9)), &[]);
        assert_eq!(
            said.as_deref(),
            Some("partition 0 has not moved for 20 s: fetch state active, at 5 of 9")
        );
    }

    #[test]
    fn a_partition_that_was_never_started_is_stuck_whatever_it_holds() {
        let state = SeenPartition {
            fetch_state: "none".to_owned(),
            ..reading(-1001, -1001)
        };
        assert!(after(PARTITION_PATIENCE, &seen(state), &[]).is_some());
    }

    #[test]
    fn what_cannot_move_may_stand() {
        let at_its_end = reading(9, 9);
        assert_eq!(after(CALM, &seen(at_its_end), &[]), None);
        assert_eq!(after(CALM, &seen(reading(5, 9)), &[0]), None, "paused");
        let waits_for_us = SeenPartition {
            has_waiting: true,
            ..reading(5, 9)
        };
        assert_eq!(after(CALM, &seen(waits_for_us), &[]), None);
        let without_leader = SeenPartition {
            is_led: false,
            ..reading(5, 9)
        };
        assert_eq!(after(CALM, &seen(without_leader), &[]), None);
        let unreachable = Seen {
            is_reachable: false,
            ..seen(reading(5, 9))
        };
        assert_eq!(after(CALM, &unreachable, &[]), None);
        let mut others = seen(reading(5, 9));
        others.partitions = [(7, reading(5, 9))].into();
        assert_eq!(after(CALM, &others, &[]), None);
    }

    #[test]
    fn each_record_handed_over_gives_new_time() {
        let mut watch = StallWatch::default();
        let begun = Instant::now();
        let (owned, paused) = ([0].into(), BTreeSet::new());
        for step in 0..10 {
            let now = begun + PARTITION_PATIENCE / 2 * step;
            let state = seen(reading(i64::from(step), 99));
            assert_eq!(watch.look(&state, &owned, &paused, now), None);
        }
    }

    #[test]
    fn a_member_that_never_settles_is_stuck() {
        let unsettled = Seen {
            unsettled: Some("up, wait-join".to_owned()),
            ..seen(reading(5, 9))
        };
        assert_eq!(after(PARTITION_PATIENCE, &unsettled, &[]), None);
        assert!(after(GROUP_PATIENCE, &unsettled, &[]).is_some());
    }

    #[test]
    fn clients_that_are_replaced_one_after_the_other_get_more_and_more_time() {
        let mut watch = StallWatch::default();
        let mut now = Instant::now();
        let patience = |watch: &StallWatch| watch.patience(PARTITION_PATIENCE).as_secs();
        assert_eq!(patience(&watch), 20);
        let mut given = Vec::new();
        for _ in 0..6 {
            now += CALM / 2;
            watch.look(&seen(reading(9, 9)), &[0].into(), &BTreeSet::new(), now);
            watch.replaced(now);
            given.push(patience(&watch));
        }
        assert_eq!(given, [40, 80, 160, 320, 320, 320]);
        watch.look(&seen(reading(9, 9)), &[0].into(), &BTreeSet::new(), now + CALM);
        assert_eq!(patience(&watch), 20);
    }
}
