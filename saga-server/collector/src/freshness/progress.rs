//! What one collector knows of all partitions: its own from the consumer, the others' from the database.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use saga_types::Timestamp;

use super::{
    Freshness,
    track::{Observed, Standstill, Track},
};
use saga_store::PartitionProgress;

/// How long a partition may stand still while there is something to store. Together with the time until that is noticed less
/// than a minute.
const STALLED_AFTER: Duration = Duration::from_secs(40);

/// How far all partitions are; shared by the consumer, which reports it, and by those who answer.
#[derive(Debug, Default)]
pub struct Progress {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    own: BTreeMap<i32, Own>,
    /// How partitions stood when they were taken away.
    released: BTreeMap<i32, Standstill>,
    loaded: Vec<PartitionProgress>,
    partitions: i32,
}

/// A partition that this collector consumes.
#[derive(Debug)]
struct Own {
    track: Track,
    assigned: Timestamp,
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
        // Rows of a topic that had more partitions before it was made again say nothing.
        let is_there =
            |progress: &&PartitionProgress| known.partitions == 0 || progress.partition < known.partitions;
        let loaded = known.loaded.iter().filter(is_there);
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
        let mut known = self.lock();
        let standstill = known.released.remove(&partition);
        let own = Own {
            track: Track::standing(standstill),
            assigned: Timestamp::now(),
        };
        known.own.insert(partition, own);
    }

    pub(crate) fn revoked(&self, partition: i32) {
        let mut known = self.lock();
        let standstill = known
            .own
            .remove(&partition)
            .and_then(|own| own.track.standstill());
        if let Some(standstill) = standstill {
            known.released.insert(partition, standstill);
        }
    }

    /// The topic has so many partitions.
    pub(crate) fn partitions(&self, count: i32) {
        self.lock().partitions = count;
    }

    /// Which of our partitions has something to store, or may have, and is not being stored; in words.
    pub(crate) fn stalled(&self, now: Timestamp) -> Option<String> {
        let known = self.lock();
        let mut own = known.own.iter();
        own.find_map(|(partition, own)| own.stalled(*partition, now))
    }

    /// How many events of an assigned partition are not stored.
    pub(crate) fn behind(&self, partition: i32) -> Option<u64> {
        let progress = self.lock().own.get(&partition)?.track.progress(partition)?;
        Some(progress.events_behind)
    }

    /// Everything of the partition before the offset is stored. Nothing happens when it is another's by now.
    pub(crate) fn stored(&self, partition: i32, next_offset: i64, recorded: Option<Timestamp>) {
        if let Some(own) = self.lock().own.get_mut(&partition) {
            own.track.stored(next_offset, recorded);
        }
    }

    pub(crate) fn observed(&self, partition: i32, observed: &Observed) {
        if let Some(own) = self.lock().own.get_mut(&partition) {
            own.track.observe(observed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock()
    }
}

impl Known {
    fn own_progress(&self) -> impl Iterator<Item = PartitionProgress> {
        let own = self.own.iter();
        own.filter_map(|(partition, own)| own.track.progress(*partition))
    }
}

impl Own {
    fn stalled(&self, partition: i32, now: Timestamp) -> Option<String> {
        let is_long = |since: Timestamp| now.saturating_sub(STALLED_AFTER) >= since;
        let seconds = |since: Timestamp| now.millis_since(since) / 1000;
        let standstill = self.track.standstill();
        if let Some(Standstill { at, end, since }) = standstill.filter(|standstill| is_long(standstill.since))
        {
            return Some(format!(
                "partition {partition} is stored up to offset {at} of {end} and stands still for {} s",
                seconds(since)
            ));
        }
        let heard = self.track.heard().unwrap_or(self.assigned).max(self.assigned);
        is_long(heard).then(|| {
            format!(
                "what is on partition {partition} is not known: its broker was last heard {} s ago",
                seconds(heard)
            )
        })
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
    fn a_partition_that_stands_still_with_something_to_store_is_stalled_within_a_minute() {
        let progress = Progress::default();
        progress.assigned(0);
        let begun = Timestamp::now();
        let at = |seconds| begun.saturating_add(Duration::from_secs(seconds));
        let observe = |seconds, end| {
            progress.observed(
                0,
                &Observed {
                    at: at(seconds),
                    end,
                    high: end,
                    begin: 0,
                    next_fetch: 5,
                    position: 5,
                    handed_over: None,
                    has_waiting: false,
                    committed: 5,
                },
            );
        };
        (0..300).for_each(|second| observe(second, 5));
        assert_eq!(progress.stalled(at(300)), None, "nothing to store");
        observe(300, 9);
        observe(335, 12);
        assert_eq!(progress.stalled(at(339)), None);
        progress.revoked(0);
        progress.assigned(0);
        observe(350, 12);
        assert_eq!(
            progress.stalled(at(350)).as_deref(),
            Some("partition 0 is stored up to offset 5 of 12 and stands still for 50 s"),
            "a new client does not start the clock again"
        );
        progress.stored(0, 12, None);
        observe(351, 12);
        assert_eq!(progress.stalled(at(351)), None);
        let silent = progress.stalled(at(400));
        assert!(silent.is_some_and(|reason| reason.contains("last heard 49 s ago")));
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
                high: 0,
                begin: 0,
                next_fetch: 0,
                position: 0,
                handed_over: None,
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
