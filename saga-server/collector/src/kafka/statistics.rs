//! What the client's statistics, which come every second, say of its partitions and its group.

use rdkafka::{
    Statistics,
    statistics::{Partition, Topic},
};
use saga_types::Timestamp;

use super::stall::{ClientSnapshot, PartitionSnapshot};
use crate::freshness::{Observed, Progress};

/// Tells how far the partitions are that we consume.
pub(super) fn observe(progress: &Progress, statistics: &Statistics, topic: &Topic) {
    let highest = topic.partitions.keys().max().copied().unwrap_or(-1);
    progress.partitions(highest + 1);
    for partition in topic.partitions.values() {
        if let Some(at) = last_heard(statistics, partition.leader) {
            progress.observed(partition.partition, &observed(partition, at));
        }
    }
}

/// What the stall detector checks.
pub(super) fn snapshot(statistics: &Statistics, is_reachable: bool, topic: &str) -> ClientSnapshot {
    let unsettled = statistics.cgrp.as_ref().and_then(|group| {
        let is_settled = group.state == "up" && group.join_state == "steady";
        (!is_settled).then(|| {
            format!(
                "{}, {}: {}",
                group.state, group.join_state, group.rebalance_reason
            )
        })
    });
    let partitions = statistics.topics.get(topic).into_iter();
    let partitions = partitions.flat_map(|topic| topic.partitions.values());
    ClientSnapshot {
        is_reachable,
        unsettled,
        partitions: partitions
            .map(|partition| (partition.partition, partition_snapshot(statistics, partition)))
            .collect(),
    }
}

fn partition_snapshot(statistics: &Statistics, partition: &Partition) -> PartitionSnapshot {
    let mut brokers = statistics.brokers.values();
    PartitionSnapshot {
        is_led: brokers.any(|broker| broker.nodeid == partition.leader && broker.state == "UP"),
        fetch_state: partition.fetch_state.clone(),
        has_waiting: partition.fetchq_cnt > 0,
        next_to_hand_over: partition.app_offset,
        next_fetch: partition.next_offset,
        end: end(partition),
        committed: partition.committed_offset,
    }
}

/// When the broker last said anything; while it is asked for records that is at least every half second.
fn last_heard(statistics: &Statistics, broker: i32) -> Option<Timestamp> {
    let mut brokers = statistics.brokers.values();
    let broker = brokers.find(|found| found.nodeid == broker && found.state == "UP")?;
    let idle_millis = broker.rxidle / 1000;
    if idle_millis < 0 {
        return None;
    }
    Timestamp::from_millis(Timestamp::now().as_millis() - idle_millis).ok()
}

/// Records of transactions that are still open are not for us yet.
fn end(partition: &Partition) -> i64 {
    if partition.ls_offset >= 0 {
        partition.ls_offset
    } else {
        partition.hi_offset
    }
}

fn observed(partition: &Partition, at: Timestamp) -> Observed {
    Observed {
        at,
        end: end(partition),
        begin: partition.lo_offset,
        next_fetch: partition.next_offset,
        next_to_hand_over: partition.app_offset,
        has_waiting: partition.fetchq_cnt > 0,
        committed: partition.committed_offset,
    }
}
