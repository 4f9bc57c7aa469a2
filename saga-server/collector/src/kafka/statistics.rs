//! What the client's statistics, which come every second, say of its partitions and its group.

use std::time::{Duration, Instant};

use rdkafka::{Statistics, statistics::Partition};
use saga_types::Timestamp;

use super::stall::{ClientSnapshot, PartitionSnapshot};

/// What the loop checks every second.
pub(super) fn snapshot(statistics: &Statistics, is_reachable: bool, topic: &str) -> ClientSnapshot {
    let unsettled = statistics.cgrp.as_ref().and_then(|group| {
        let is_settled = group.state == "up" && group.join_state == "steady";
        (!is_settled).then(|| {
            let what = format!("{}, {}", group.state, group.join_state);
            match group.rebalance_reason.as_str() {
                "" => what,
                reason => format!("{what}: {reason}"),
            }
        })
    });
    let metadata_at = statistics.topics.get(topic).and_then(|topic| {
        let age = u64::try_from(topic.metadata_age).ok()?;
        Instant::now().checked_sub(Duration::from_millis(age))
    });
    let partitions = statistics.topics.get(topic).into_iter();
    // The client keeps records that have no partition yet under one below zero.
    let partitions = partitions
        .flat_map(|topic| topic.partitions.values())
        .filter(|partition| partition.partition >= 0);
    let brokers = statistics.brokers.values();
    // Those that were configured have ids below zero until they have said who they are.
    let known = brokers.filter(|broker| broker.state == "UP" && broker.nodeid >= 0);
    ClientSnapshot {
        is_reachable,
        broker: known.map(|broker| broker.nodeid).min(),
        unsettled,
        metadata_at,
        partitions: partitions
            .map(|partition| (partition.partition, partition_snapshot(statistics, partition)))
            .collect(),
    }
}

fn partition_snapshot(statistics: &Statistics, partition: &Partition) -> PartitionSnapshot {
    let mut brokers = statistics.brokers.values();
    PartitionSnapshot {
        exists: !partition.unknown,
        is_led: brokers.any(|broker| broker.nodeid == partition.leader && broker.state == "UP"),
        heard: last_heard(statistics, partition.leader),
        fetch_state: partition.fetch_state.clone(),
        has_waiting: partition.fetchq_cnt > 0,
        position: partition.app_offset,
        next_fetch: partition.next_offset,
        begin: partition.lo_offset,
        end: end(partition),
        high: partition.hi_offset,
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
