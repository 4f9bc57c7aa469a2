//! Committing what is stored.

use std::{collections::BTreeSet, time::Instant};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
};

use super::ConsumeLoop;
use crate::kafka::{record::Offsets, stall::ClientSnapshot};

impl ConsumeLoop {
    pub(super) fn batch_stored(&mut self, offsets: &Offsets, mode: CommitMode) {
        let ours = self.partitions.done(offsets, Instant::now());
        for (partition, progress) in &ours {
            self.consumer.context().stored(*partition, progress);
        }
        let ours = ours.into_iter();
        self.commit(
            ours.map(|(partition, progress)| (partition, progress.next_offset)),
            mode,
        );
    }

    /// Commits where the client stands in partitions of which everything is stored: behind marks of transactions and aborted
    /// records, which are never handed over. Otherwise the group would seem to lag, and read them again after each start.
    pub(super) fn commit_positions(&self, snapshot: &ClientSnapshot, owned: &BTreeSet<i32>) {
        if snapshot.unsettled.is_some() {
            return;
        }
        let passed = snapshot.partitions.iter().filter(|(partition, state)| {
            owned.contains(partition)
                && self.partitions.is_all_stored(**partition)
                && !self.held.holds(**partition)
                && state.position > state.committed.max(state.begin)
                && Some(state.position) > self.partitions.last_handed_over(**partition)
        });
        let positions = passed.map(|(partition, state)| (*partition, state.position));
        self.commit(positions, CommitMode::Async);
    }

    /// Commits what may be. The rest is tried again when it is late.
    pub(super) fn commit(&self, offsets: impl Iterator<Item = (i32, i64)>, mode: CommitMode) {
        let permitted = offsets.filter(|(partition, _)| self.topic.metadata(*partition).is_some());
        let list = self.list(permitted.map(|(partition, offset)| (partition, Offset::Offset(offset))));
        if list.count() == 0 {
            return;
        }
        for mut element in list.elements() {
            if let Some(metadata) = self.topic.metadata(element.partition()) {
                element.set_metadata(metadata);
            }
        }
        if let Err(error) = self.consumer.commit(&list, mode) {
            tracing::warn!(%error, "offsets not committed, retrying; at worst records are read again");
        }
    }

    pub(super) fn list(&self, partitions: impl IntoIterator<Item = (i32, Offset)>) -> TopicPartitionList {
        let topic = self.consumer.context().topic();
        let mut list = TopicPartitionList::new();
        for (partition, offset) in partitions {
            if let Err(error) = list.add_partition_offset(topic, partition, offset) {
                tracing::warn!(%error, partition, ?offset, "not an offset");
            }
        }
        list
    }
}
