//! How far the collector is: what its group has committed, and what the topic still has for it.

use std::time::{Duration, Instant};

use anyhow::Result;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use saga_types::topic::PARTITIONS;

use crate::server::Ground;

/// How long Kafka may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the collector may go without any progress before it counts as stuck.
const LONGEST_STALL: Duration = Duration::from_secs(120);

/// Looks at the offsets of the collector's group without joining it.
pub(crate) struct Headway {
    consumer: BaseConsumer,
    seen: Offsets,
    moved: Instant,
}

#[derive(Debug, Clone, Copy, Default)]
struct Offsets {
    done: i64,
    left: i64,
}

impl Headway {
    pub(crate) fn of(bootstrap_servers: &str) -> Result<Self> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("group.id", Ground::GROUP)
            .set("enable.auto.commit", "false")
            .create()?;
        Ok(Self {
            consumer,
            seen: Offsets {
                done: 0,
                left: i64::MAX,
            },
            moved: Instant::now(),
        })
    }

    /// How many records are committed, and how many are left. While Kafka is away, as it was before.
    pub(crate) fn look(&mut self) -> (i64, i64) {
        if let Ok(offsets) = tokio::task::block_in_place(|| self.offsets()) {
            if offsets.done > self.seen.done {
                self.moved = Instant::now();
            }
            self.seen = offsets;
        }
        (self.seen.done, self.seen.left)
    }

    /// Whether nothing was committed for too long.
    pub(crate) fn is_stuck(&self) -> bool {
        self.moved.elapsed() > LONGEST_STALL
    }

    fn offsets(&self) -> Result<Offsets> {
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions.add_partition(Ground::TOPIC, partition);
        }
        let mut offsets = Offsets::default();
        for partition in self.consumer.committed_offsets(partitions, PATIENCE)?.elements() {
            let (low, high) =
                self.consumer
                    .fetch_watermarks(Ground::TOPIC, partition.partition(), PATIENCE)?;
            let committed = match partition.offset() {
                Offset::Offset(committed) => committed,
                _ => low,
            };
            offsets.done += committed - low;
            offsets.left += high - committed;
        }
        Ok(offsets)
    }
}
