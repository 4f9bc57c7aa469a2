//! What one collector knows of all partitions: its own from the consumer, the others' from the database.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use saga_types::Timestamp;

use super::{
    Freshness,
    track::{Observed, Track},
};
use saga_store::PartitionProgress;

/// How far all partitions are; shared by the consumer, who tells, and by those who answer.
#[derive(Debug, Default)]
pub struct Progress {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    own: BTreeMap<i32, Track>,
    loaded: Vec<PartitionProgress>,
    partitions: i32,
}

impl Progress {
    /// What the database holds, from all collectors.
    pub fn load(&self, progress: Vec<PartitionProgress>) {
        self.lock().loaded = progress;
    }

    /// How fresh the store is at a moment.
    #[must_use]
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        let known = self.lock();
        let mut partitions: BTreeMap<i32, Option<PartitionProgress>> =
            (0..known.partitions).map(|partition| (partition, None)).collect();
        let loaded = known.loaded.iter();
        partitions.extend(loaded.map(|progress| (progress.partition, Some(*progress))));
        for progress in known.own_progress() {
            let entry = partitions.entry(progress.partition).or_default();
            // Until we know better, it is stored as far as its last consumer said.
            let as_of = progress.as_of.or(entry.and_then(|loaded| loaded.as_of));
            *entry = Some(PartitionProgress { as_of, ..progress });
        }
        drop(known);
        Freshness::of(partitions, now)
    }

    /// How far the partitions are that this collector consumes, as far as it is known.
    pub(super) fn own(&self) -> Vec<PartitionProgress> {
        self.lock().own_progress().collect()
    }

    pub(crate) fn assigned(&self, partition: i32) {
        self.lock().own.insert(partition, Track::default());
    }

    pub(crate) fn revoked(&self, partition: i32) {
        self.lock().own.remove(&partition);
    }

    /// The topic has so many partitions.
    pub(crate) fn partitions(&self, count: i32) {
        let mut known = self.lock();
        known.partitions = known.partitions.max(count);
    }

    /// Everything of the partition before the offset is stored. Nothing happens when it is another's by now.
    pub(crate) fn stored(&self, partition: i32, next_offset: i64, recorded: Option<Timestamp>) {
        if let Some(track) = self.lock().own.get_mut(&partition) {
            track.stored(next_offset, recorded);
        }
    }

    pub(crate) fn observed(&self, partition: i32, observed: &Observed) {
        if let Some(track) = self.lock().own.get_mut(&partition) {
            track.observe(observed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn own_progress(&self) -> impl Iterator<Item = PartitionProgress> {
        let own = self.own.iter();
        own.filter_map(|(partition, track)| track.progress(*partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_without_a_report_is_not_taken_for_stored() {
        let progress = Progress::default();
        progress.partitions(2);
        let now = Timestamp::now();
        progress.load(vec![PartitionProgress {
            partition: 0,
            events_behind: 0,
            as_of: Some(now),
            observed_at: now,
        }]);
        let freshness = progress.freshness(now);
        assert!(!freshness.up_to_date);
        assert_eq!((freshness.as_of, freshness.events_behind), (None, None));
        assert_eq!(
            freshness.summary,
            "how far behind is not known: partition 1 was never heard of"
        );
    }

    #[test]
    fn a_partition_that_was_taken_away_is_no_longer_reported() {
        let progress = Progress::default();
        progress.assigned(0);
        progress.observed(
            0,
            &Observed {
                at: Timestamp::now(),
                end: 0,
                begin: 0,
                next_fetch: 0,
                next_to_hand_over: 0,
                has_waiting: false,
                committed: -1001,
            },
        );
        assert_eq!(progress.own().len(), 1);
        progress.revoked(0);
        progress.stored(0, 7, None);
        assert_eq!(progress.own(), []);
    }
}
