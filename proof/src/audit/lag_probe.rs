//! How far the collector is: what its group has committed, and what the topic still has for it.

use std::time::{Duration, Instant};

use anyhow::Result;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use saga_types::topic::PARTITIONS;

use crate::server::Harness;

/// How long Kafka may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long the collector may go without any progress before it counts as stuck.
const LONGEST_STALL: Duration = Duration::from_secs(120);

/// How long Kafka may give no answer at all; a broker that was killed on a busy machine takes its time.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);

/// Looks at the offsets of a group without joining it.
pub(crate) struct LagProbe {
    topic: String,
    client: ClientConfig,
    consumer: BaseConsumer,
    seen: Offsets,
    moved: Instant,
    answered: Instant,
}

#[derive(Debug, Clone, Copy, Default)]
struct Offsets {
    done: i64,
    left: i64,
}

impl LagProbe {
    /// The collector's group.
    pub(crate) fn of(bootstrap_servers: &str) -> Result<Self> {
        Self::of_group(bootstrap_servers, Harness::GROUP, Harness::TOPIC)
    }

    /// Another group, which reads another topic.
    pub(crate) fn of_group(bootstrap_servers: &str, group: &str, topic: &str) -> Result<Self> {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", bootstrap_servers)
            .set("group.id", group)
            .set("enable.auto.commit", "false");
        let now = Instant::now();
        Ok(Self {
            topic: topic.to_owned(),
            consumer: client.create()?,
            client,
            seen: Offsets {
                done: 0,
                left: i64::MAX,
            },
            moved: now,
            answered: now,
        })
    }

    /// How many records are committed, and how many are left. While Kafka is unavailable, as it was before.
    pub(crate) fn look(&mut self) -> (i64, i64) {
        let began = Instant::now();
        match tokio::task::block_in_place(|| self.offsets()) {
            Ok(offsets) => {
                self.answered = Instant::now();
                if offsets.done > self.seen.done {
                    self.moved = self.answered;
                }
                self.seen = offsets;
            }
            // While Kafka gives no answer nobody knows whether the collector stands, so that time does not count. That it
            // gives none may be this client's fault.
            Err(_) => {
                self.moved += began.elapsed();
                if let Ok(consumer) = self.client.create() {
                    self.consumer = consumer;
                }
            }
        }
        (self.seen.done, self.seen.left)
    }

    /// Whether nothing was committed for too long.
    pub(crate) fn is_stuck(&self) -> bool {
        self.moved.elapsed() > LONGEST_STALL || self.answered.elapsed() > LONGEST_SILENCE
    }

    fn offsets(&self) -> Result<Offsets> {
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions.add_partition(&self.topic, partition);
        }
        let mut offsets = Offsets::default();
        for partition in self.consumer.committed_offsets(partitions, TIMEOUT)?.elements() {
            let (low, high) = self
                .consumer
                .fetch_watermarks(&self.topic, partition.partition(), TIMEOUT)?;
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
