//! Whether the topic is still the one that was read: asked of the broker, and of the group's offsets when partitions are assigned.
//! When it is another one, what is in work is stored, and a new client reads the topic from its beginning.
//!
//! A new client and not another offset: the one before may still hold records of the topic before, and positions in it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use rdkafka::{Offset, consumer::Consumer};

use super::ConsumeLoop;
use crate::kafka::{
    ConsumerError,
    topic_id::{self, Described},
    topic_identity::News,
};

/// How long one answer of a broker may take. The client is not polled meanwhile.
const ANSWER: Duration = Duration::from_secs(2);

/// How long a new client may take to get its partitions, to begin them at their beginning without asking what was committed. Later
/// the topic that was committed with their offsets tells it.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(60);

impl ConsumeLoop {
    /// Asks when it is time, and in any case of what was committed when partitions were just assigned.
    pub(super) fn check_topic(&mut self, is_assigned: bool, now: Instant) {
        let owned = self.consumer.context().owned();
        if is_assigned && self.broker.is_none() {
            // Statistics name one only after a second. What is read until then could not be committed.
            self.broker = self.named_broker();
        }
        let is_due = self.topic.is_due(&owned, now);
        if is_due {
            self.ask_for_topic(&owned, now);
        }
        if is_due || is_assigned {
            self.ask_for_committed(&owned, now);
        }
    }

    fn named_broker(&self) -> Option<i32> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(self.consumer.context().topic()), ANSWER);
        Some(metadata.ok()?.brokers().first()?.id())
    }

    fn ask_for_topic(&mut self, owned: &BTreeSet<i32>, now: Instant) {
        let Some(broker) = self.broker else { return };
        self.topic.asked(now);
        let (client, context) = (self.consumer.client(), self.consumer.context());
        let described = topic_id::describe(client, broker, context.topic(), ANSWER);
        let news = match &described {
            Ok(described) => {
                // The client's statistics have no topic of which it reads nothing, so they do not tell that one exists again.
                if *described != Described::Missing && owned.is_empty() && context.is_topic_missing() {
                    context.topic_exists(true);
                }
                self.topic
                    .heard(described, || client.fetch_cluster_id(ANSWER), now)
            }
            Err(_) => self.topic.failed(),
        };
        match news {
            News::Nothing => {}
            News::Another => context.topic_is_another(),
            News::WithoutId => tracing::warn!(
                topic = context.topic(),
                ?described,
                "broker gives no id of the topic; after the topic is deleted and made again, records may not be read"
            ),
        }
    }

    fn ask_for_committed(&mut self, owned: &BTreeSet<i32>, now: Instant) {
        let unconfirmed = self.topic.unconfirmed(owned);
        if unconfirmed.is_empty() {
            return;
        }
        let list = self.list(
            unconfirmed
                .into_iter()
                .map(|partition| (*partition, Offset::Invalid)),
        );
        let committed = match self.consumer.committed_offsets(list, ANSWER) {
            Ok(committed) => committed,
            Err(error) => return tracing::debug!(%error, "committed offsets not read, retrying"),
        };
        let mut news = topic_id::committed_metadata(&committed)
            .into_iter()
            .map(|(partition, metadata)| self.topic.committed(partition, &metadata, now));
        if news.any(|news| news == News::Another) {
            self.consumer.context().topic_is_another();
        }
    }

    /// Whether what was read of the topic can only be stored now. Asks the broker, since partitions may be taken away because the
    /// topic is gone.
    pub(super) fn is_topic_gone(&mut self) -> bool {
        if !self.topic.is_gone() {
            let owned = self.consumer.context().owned();
            self.ask_for_topic(&owned, Instant::now());
        }
        self.topic.is_gone()
    }

    /// Reads the topic from its beginning once all brokers know it and what was gathered of the topic before is in work.
    pub(super) fn begin_again(&mut self) -> Result<(), ConsumerError> {
        let now = Instant::now();
        if !self.topic.begins_again(now) {
            return Ok(());
        }
        if !self.gathered.records.is_empty() {
            if !self.may_submit() {
                return Ok(());
            }
            self.submit()?;
        }
        self.renew_client()?;
        let context = self.consumer.context();
        context.begin_again_until(now + ASSIGNED_WITHIN);
        // The client before may have reported that it is missing.
        context.topic_exists(true);
        Ok(())
    }
}
