//! What tests of the client share: looking at its accounts, and reading what it wrote.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its part of this, and fails by panicking"
)]

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use saga_sdk::{Recording, SagaTrackerClient, Stats};

pub const PARTITIONS: i32 = 3;

/// Asynchronous records are ready at once.
pub fn assert_ready(recording: Recording) {
    let mut context = Context::from_waker(Waker::noop());
    let polled = pin!(recording).poll(&mut context);
    assert_eq!(polled, Poll::Ready(Ok(())));
}

pub fn assert_adds_up(stats: &Stats) {
    assert_eq!(
        stats.recorded,
        stats.acknowledged + stats.pending + stats.dropped(),
        "{stats:?}"
    );
}

/// Looks until something holds, and at each look that the accounts add up.
pub fn wait_until(tracker: &Arc<dyn SagaTrackerClient>, what: impl Fn(&Stats) -> bool) -> Stats {
    let begun = Instant::now();
    loop {
        let stats = tracker.stats();
        assert_adds_up(&stats);
        if what(&stats) {
            return stats;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{stats:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A consumer at the beginning of all partitions of a topic.
pub fn consumer(servers: &str, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "none")
        .create()
        .unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions
            .add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&partitions).unwrap();
    consumer
}
