//! What the loop knows of the partitions that it reads: whose records in work are still its own, which are paused, and
//! what is stored but not yet known as committed.
//!
//! Rule of thumb: a partition that was taken away is forgotten at once. When it comes back, another member may have gone on
//! with it, and what was read before must not set the group back.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use super::record::{BatchProgress, Offsets};

/// How many batches may be submitted and not done.
pub(super) const MAX_IN_FLIGHT: usize = 2;

/// How long a commit may take until it is made again.
const RECOMMIT_AFTER: Duration = Duration::from_secs(3);

/// The state of all partitions of one client.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    in_flight: VecDeque<InFlight>,
    paused: BTreeSet<i32>,
    uncommitted: BTreeMap<i32, Uncommitted>,
    /// After the last record that the client handed over.
    handed_over: BTreeMap<i32, i64>,
    /// After the last record that is stored.
    stored: BTreeMap<i32, i64>,
}

/// A batch that was handed on, and what became of the partitions since.
#[derive(Debug, Default)]
struct InFlight {
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
    pub(super) fn has_batch_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether a batch may be handed on. Behind a full one a second full one may wait, so that the writers never idle. Others
    /// wait until it is done: meanwhile they grow, and the larger they are, the less each event costs.
    pub(super) fn may_submit(&self, is_full: bool) -> bool {
        let may_wait = || is_full && self.in_flight.iter().all(|work| work.is_full);
        self.in_flight.is_empty() || (self.in_flight.len() < MAX_IN_FLIGHT && may_wait())
    }

    pub(super) fn submitted(&mut self, is_full: bool) {
        self.in_flight.push_back(InFlight {
            is_full,
            ..InFlight::default()
        });
    }

    /// The batch that was handed on first is stored: gives what of it is still ours and to be committed.
    pub(super) fn done(&mut self, offsets: &Offsets, now: Instant) -> Vec<(i32, BatchProgress)> {
        let work = self.in_flight.pop_front().unwrap_or_default();
        let ours = offsets
            .iter()
            .filter(|(partition, _)| !work.is_all_lost && !work.lost.contains(partition));
        let ours: Vec<_> = ours
            .map(|(partition, progress)| (*partition, *progress))
            .collect();
        for (partition, BatchProgress { next_offset, .. }) in &ours {
            let uncommitted = Uncommitted {
                next_offset: *next_offset,
                asked: now,
            };
            self.uncommitted.insert(*partition, uncommitted);
            self.stored.insert(*partition, *next_offset);
        }
        ours
    }

    /// What is in work was given up.
    pub(super) fn given_up(&mut self) {
        self.in_flight.clear();
    }

    /// The client handed over the record before this offset.
    pub(super) fn handed_over(&mut self, partition: i32, next_offset: i64) {
        self.handed_over.insert(partition, next_offset);
    }

    /// After the last record that the client handed over, if there was one.
    pub(super) fn last_handed_over(&self, partition: i32) -> Option<i64> {
        self.handed_over.get(&partition).copied()
    }

    /// Whether nothing that was handed over waits to be stored.
    pub(super) fn is_all_stored(&self, partition: i32) -> bool {
        self.last_handed_over(partition)
            .is_none_or(|handed_over| Some(&handed_over) <= self.stored.get(&partition))
    }

    pub(super) fn revoked(&mut self, partition: i32) {
        self.handed_over.remove(&partition);
        self.stored.remove(&partition);
        self.paused.remove(&partition);
        self.uncommitted.remove(&partition);
        for work in &mut self.in_flight {
            work.lost.insert(partition);
        }
    }

    /// The client is given up, and all its partitions with it.
    pub(super) fn all_revoked(&mut self) {
        self.paused.clear();
        self.uncommitted.clear();
        self.handed_over.clear();
        self.stored.clear();
        for work in &mut self.in_flight {
            work.is_all_lost = true;
        }
    }

    /// After the last record that is stored, of each partition whose commit is not confirmed.
    pub(super) fn unconfirmed_commits(&self) -> Vec<(i32, i64)> {
        let commits = self.uncommitted.iter();
        commits
            .map(|(partition, uncommitted)| (*partition, uncommitted.next_offset))
            .collect()
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

    /// What must be committed again: a commit can fail permanently in the middle of a rebalance, and without further events
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
            .filter(|(_, uncommitted)| now.duration_since(uncommitted.asked) >= RECOMMIT_AFTER);
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
        let progress = |next_offset| BatchProgress {
            next_offset,
            newest_millis: None,
        };
        of.iter()
            .map(|(partition, next_offset)| (*partition, progress(*next_offset)))
            .collect()
    }

    fn committed(ours: &[(i32, BatchProgress)]) -> Vec<(i32, i64)> {
        ours.iter()
            .map(|(partition, progress)| (*partition, progress.next_offset))
            .collect()
    }

    #[test]
    fn what_was_taken_away_while_in_flight_is_not_committed_even_when_it_is_back() {
        let mut partitions = Partitions::default();
        partitions.submitted(false);
        partitions.revoked(1);
        let ours = partitions.done(&offsets(&[(0, 10), (1, 20)]), Instant::now());
        assert_eq!(committed(&ours), [(0, 10)]);
        partitions.submitted(false);
        let ours = partitions.done(&offsets(&[(1, 30)]), Instant::now());
        assert_eq!(committed(&ours), [(1, 30)], "the next batch was read afterwards");
    }

    #[test]
    fn of_two_in_flight_the_first_is_done_first_and_both_lose_what_was_taken_away() {
        let mut partitions = Partitions::default();
        assert!(partitions.may_submit(false));
        partitions.submitted(true);
        assert!(!partitions.may_submit(false), "it may still grow");
        assert!(partitions.may_submit(true));
        partitions.submitted(true);
        assert!(!partitions.may_submit(true));
        partitions.revoked(1);
        for next_offset in [10, 20] {
            assert!(partitions.has_batch_in_flight());
            let ours = partitions.done(&offsets(&[(0, next_offset), (1, 30)]), Instant::now());
            assert_eq!(committed(&ours), [(0, next_offset)]);
        }
        assert!(!partitions.has_batch_in_flight());
    }

    #[test]
    fn behind_a_small_batch_none_waits() {
        let mut partitions = Partitions::default();
        partitions.submitted(false);
        assert!(!partitions.may_submit(true));
    }

    #[test]
    fn nothing_of_a_client_that_was_given_up_is_committed_by_the_next() {
        let mut partitions = Partitions::default();
        partitions.submitted(false);
        partitions.all_revoked();
        assert!(partitions.has_batch_in_flight());
        let ours = partitions.done(&offsets(&[(0, 10)]), Instant::now());
        assert_eq!(committed(&ours), []);
    }

    #[test]
    fn a_commit_that_does_not_arrive_is_made_again_until_it_does() {
        let mut partitions = Partitions::default();
        let begun = Instant::now();
        partitions.submitted(false);
        partitions.done(&offsets(&[(0, 10), (1, 20)]), begun);
        assert_eq!(partitions.late_commits(|_| Some(0), begun), []);
        let later = begun + RECOMMIT_AFTER;
        let again = partitions.late_commits(|partition| (partition == 1).then_some(20), later);
        assert_eq!(again, [(0, 10)]);
        assert_eq!(partitions.late_commits(|_| None, later), [], "asked just now");
        let even_later = later + RECOMMIT_AFTER;
        assert_eq!(partitions.late_commits(|_| None, even_later), [(0, 10)]);
        assert_eq!(partitions.late_commits(|_| Some(10), even_later), []);
        assert_eq!(partitions.late_commits(|_| None, even_later + RECOMMIT_AFTER), []);
    }

    #[test]
    fn what_was_taken_away_is_not_committed_again() {
        let mut partitions = Partitions::default();
        let begun = Instant::now();
        partitions.submitted(false);
        partitions.done(&offsets(&[(0, 10)]), begun);
        partitions.revoked(0);
        assert_eq!(partitions.late_commits(|_| None, begun + RECOMMIT_AFTER), []);
    }
}
