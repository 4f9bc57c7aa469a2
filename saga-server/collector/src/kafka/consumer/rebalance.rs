//! Partitions that are assigned and taken away: which are ours, and where they begin.

use std::{collections::BTreeSet, time::Instant};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, Rebalance},
};

use super::ConsumerContext;
use crate::health::Component;

impl rdkafka::consumer::ConsumerContext for ConsumerContext {
    // Nothing here waits: the batch in hand is stored all the same, which is harmless, since the owner that gets the
    // partition next finds its events known.
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            self.begin(partitions);
        } else if let Rebalance::Revoke(partitions) = rebalance {
            // The client keeps a pause beyond a rebalance, and a partition that comes back would stay paused. Now is the
            // time to end it: when a partition has just been assigned, a pause or its end can make the client forget to
            // start it.
            if let Err(error) = consumer.resume(partitions) {
                tracing::warn!(%error, "partitions could not be resumed");
            }
            let revoked: BTreeSet<i32> = partitions
                .elements()
                .iter()
                .map(|element| element.partition())
                .collect();
            self.partitions_change(|assigned| assigned.retain(|partition| !revoked.contains(partition)));
            self.disown(&revoked);
            self.record(|events| {
                events.begun.retain(|partition| !revoked.contains(partition));
                events.revoked.extend(revoked);
            });
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            self.partitions_change(|assigned| {
                for element in partitions.elements() {
                    assigned.insert(element.partition());
                    if let Some(observers) = self.observers() {
                        observers.progress.assigned(element.partition());
                    }
                }
            });
            // An instance without partitions is a working spare. Whether the topic exists, metadata says: a leader also
            // assigns partitions of a topic that was deleted since it was asked for.
            if let Some(observers) = self.observers() {
                observers.status.joined();
                observers.health.up(Component::Kafka);
            }
        }
    }
}

impl ConsumerContext {
    /// Says where partitions that are about to be assigned begin, unless where the group has committed.
    fn begin(&self, partitions: &TopicPartitionList) {
        let begins_again = self
            .begins_until
            .lock()
            .is_some_and(|until| Instant::now() < until);
        let mut begun = BTreeSet::new();
        for mut element in partitions.elements() {
            // What is set here is what the client assigns.
            if begins_again && element.set_offset(Offset::Beginning).is_ok() {
                begun.insert(element.partition());
            }
        }
        self.record(|events| {
            events.is_assigned = true;
            events.begun.extend(begun);
        });
    }

    fn partitions_change(&self, change: impl FnOnce(&mut BTreeSet<i32>)) {
        let mut assigned = self.assigned.lock();
        change(&mut assigned);
        tracing::info!(topic = self.topic, partitions = ?*assigned, "partitions assigned");
    }
}
