//! What the loop knows of the partitions that it reads: whose records in work are still its own, which are paused, and
//! what is stored but not yet known as committed.
//!
//! Rule of thumb: a partition that was taken away is forgotten at once. When it comes back, somebody else may have gone on
//! with it, and what was read before must not set the group back.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use super::record::{Offsets, Reached};

/// How many batches are handed on and not done.
pub(super) const MOST_IN_WORK: usize = 2;

/// How long a commit may take until it is made again.
const COMMIT_PATIENCE: Duration = Duration::from_secs(3);

/// Who is told about partitions, for as long as one client lives.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    in_work: VecDeque<InWork>,
    paused: BTreeSet<i32>,
    uncommitted: BTreeMap<i32, Uncommitted>,
}

/// A batch that was handed on, and what became of the partitions since.
#[derive(Debug, Default)]
struct InWork {
    is_full: bool,
    lost: BTreeSet<i32>,
    is_all_lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Uncommitted {
    next_offset: i64,
    asked: Instant,
}

impl Partitions {
    pub(super) fn is_batch_in_work(&self) -> bool {
        !self.in_work.is_empty()
    }

    /// Whether a batch may be handed on. Behind a full one a second full one may wait, so that nobody runs out of work. Others
    /// wait until it is done: meanwhile they grow, and the larger they are, the less each event costs.
    pub(super) fn may_hand_on(&self, is_full: bool) -> bool {
        let may_wait = || is_full && self.in_work.iter().all(|work| work.is_full);
        self.in_work.is_empty() || (self.in_work.len() < MOST_IN_WORK && may_wait())
    }

    pub(super) fn handed_on(&mut self, is_full: bool) {
        self.in_work.push_back(InWork {
            is_full,
            ..InWork::default()
        });
    }

    /// The batch that was handed on first is stored: gives what of it is still ours and to be committed.
    pub(super) fn done(&mut self, offsets: &Offsets, now: Instant) -> Vec<(i32, Reached)> {
        let work = self.in_work.pop_front().unwrap_or_default();
        let ours = offsets
            .iter()
            .filter(|(partition, _)| !work.is_all_lost && !work.lost.contains(partition));
        let ours: Vec<_> = ours.map(|(partition, reached)| (*partition, *reached)).collect();
        for (partition, Reached { next_offset, .. }) in &ours {
            let uncommitted = Uncommitted {
                next_offset: *next_offset,
                asked: now,
            };
            self.uncommitted.insert(*partition, uncommitted);
        }
        ours
    }

    /// What is in work was given up.
    pub(super) fn given_up(&mut self) {
        self.in_work.clear();
    }

    pub(super) fn revoked(&mut self, partition: i32) {
        self.paused.remove(&partition);
        self.uncommitted.remove(&partition);
        for work in &mut self.in_work {
            work.lost.insert(partition);
        }
    }

    /// The client is given up, and all its partitions with it.
    pub(super) fn all_revoked(&mut self) {
        self.paused.clear();
        self.uncommitted.clear();
        for work in &mut self.in_work {
            work.is_all_lost = true;
        }
    }

    /// Whether it was not paused before.
    pub(super) fn pause(&mut self, partition: i32) -> bool {
        self.paused.insert(partition)
    }

    pub(super) fn paused(&self) -> &BTreeSet<i32> {
        &self.paused
    }

    pub(super) fn resume(&mut self) -> BTreeSet<i32> {
        std::mem::take(&mut self.paused)
    }

    /// What must be committed again: a commit can fail for good in the middle of a rebalance, and without further events
    /// no later one makes it good.
    pub(super) fn late_commits(
        &mut self,
        committed: impl Fn(i32) -> Option<i64>,
        now: Instant,
    ) -> Vec<(i32, i64)> {
        self.uncommitted.retain(|partition, uncommitted| {
            committed(*partition).is_none_or(|offset| offset < uncommitted.next_offset)
        });
        let late = self
            .uncommitted
            .iter_mut()
            .filter(|(_, uncommitted)| now.duration_since(uncommitted.asked) >= COMMIT_PATIENCE);
        late.map(|(partition, uncommitted)| {
            uncommitted.asked = now;
            (*partition, uncommitted.next_offset)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(of: &[(i32, i64)]) -> Offsets {
        let reached = |next_offset| Reached {
            next_offset,
            newest_millis: None,
        };
        of.iter()
            .map(|(partition, next_offset)| (*partition, reached(*next_offset)))
            .collect()
    }

    fn committed(ours: &[(i32, Reached)]) -> Vec<(i32, i64)> {
        ours.iter()
            .map(|(partition, reached)| (*partition, reached.next_offset))
            .collect()
    }

    #[test]
    fn what_was_taken_away_while_in_work_is_not_committed_even_when_it_is_back() {
        let mut partitions = Partitions::default();
        partitions.handed_on(false);
        partitions.revoked(1);
        let ours = partitions.done(&offsets(&[(0, 10), (1, 20)]), Instant::now());
        assert_eq!(committed(&ours), [(0, 10)]);
        partitions.handed_on(false);
        let ours = partitions.done(&offsets(&[(1, 30)]), Instant::now());
        assert_eq!(committed(&ours), [(1, 30)], "the next batch was read afterwards");
    }

    #[test]
    fn of_two_in_work_the_first_is_done_first_and_both_lose_what_was_taken_away() {
        let mut partitions = Partitions::default();
        assert!(partitions.may_hand_on(false));
        partitions.handed_on(true);
        assert!(!partitions.may_hand_on(false), "it may still grow");
        assert!(partitions.may_hand_on(true));
        partitions.handed_on(true);
        assert!(!partitions.may_hand_on(true));
        partitions.revoked(1);
        for next_offset in [10, 20] {
            assert!(partitions.is_batch_in_work());
            let ours = partitions.done(&offsets(&[(0, next_offset), (1, 30)]), Instant::now());
            assert_eq!(committed(&ours), [(0, next_offset)]);
        }
        assert!(!partitions.is_batch_in_work());
    }

    #[test]
    fn behind_a_small_batch_none_waits() {
        let mut partitions = Partitions::default();
        partitions.handed_on(false);
        assert!(!partitions.may_hand_on(true));
    }

    #[test]
    fn nothing_of_a_client_that_was_given_up_is_committed_by_the_next() {
        let mut partitions = Partitions::default();
        partitions.handed_on(false);
        partitions.all_revoked();
        assert!(partitions.is_batch_in_work());
        let ours = partitions.done(&offsets(&[(0, 10)]), Instant::now());
        assert_eq!(committed(&ours), []);
    }

    #[test]
    fn a_commit_that_does_not_arrive_is_made_again_until_it_does() {
        let mut partitions = Partitions::default();
        let begun = Instant::now();
        partitions.handed_on(false);
        partitions.done(&offsets(&[(0, 10), (1, 20)]), begun);
        assert_eq!(partitions.late_commits(|_| Some(0), begun), []);
        let later = begun + COMMIT_PATIENCE;
        let again = partitions.late_commits(|partition| (partition == 1).then_some(20), later);
        assert_eq!(again, [(0, 10)]);
        assert_eq!(partitions.late_commits(|_| None, later), [], "asked just now");
        let even_later = later + COMMIT_PATIENCE;
        assert_eq!(partitions.late_commits(|_| None, even_later), [(0, 10)]);
        assert_eq!(partitions.late_commits(|_| Some(10), even_later), []);
        assert_eq!(
            partitions.late_commits(|_| None, even_later + COMMIT_PATIENCE),
            []
        );
    }

    #[test]
    fn what_was_taken_away_is_not_committed_again() {
        let mut partitions = Partitions::default();
        let begun = Instant::now();
        partitions.handed_on(false);
        partitions.done(&offsets(&[(0, 10)]), begun);
        partitions.revoked(0);
        assert_eq!(partitions.late_commits(|_| None, begun + COMMIT_PATIENCE), []);
    }
}
