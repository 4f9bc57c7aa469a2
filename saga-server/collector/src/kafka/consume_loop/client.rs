//! Checks of the client: commits without a confirmation, batches that it cannot read, and stalls and brokers that it has lost, after
//! which it is replaced.

use std::time::{Duration, Instant};

use rdkafka::{
    Offset,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::ConsumeLoop;
use crate::kafka::{
    ConsumerError,
    consumer::SagaConsumer,
    record::{Batch, RawRecord, Unreadable},
    stall::ClientSnapshot,
    unreadable::{Finding, Gap},
};

/// How long going to an offset, or asking for brokers, may take.
const SEEK: Duration = Duration::from_secs(5);

/// How long a client that is given up may take to leave the group.
const LEAVING: Duration = Duration::from_secs(30);

impl ConsumeLoop {
    pub(super) fn check_client(&mut self, snapshot: &ClientSnapshot) -> Result<(), ConsumerError> {
        let now = Instant::now();
        let context = self.consumer.context();
        context.observe(snapshot, |partition| self.partitions.last_handed_over(partition));
        if snapshot.is_reachable {
            let committed = |partition| Some(snapshot.partitions.get(&partition)?.committed);
            let late = self.partitions.late_commits(committed, now);
            if !late.is_empty() {
                tracing::debug!(?late, "commits not confirmed, committing again");
                self.commit(late.into_iter(), CommitMode::Async);
            }
        }
        self.check_held(now);
        let config = &self.config;
        self.trial
            .check(&config.refusals, &config.kafka, &config.topic, now);
        let owned = self.consumer.context().owned();
        self.commit_positions(snapshot, &owned);
        self.broker = snapshot.broker;
        self.check_topic(false, now);
        let mut paused = self.partitions.paused().clone();
        paused.extend(owned.iter().filter(|partition| self.held.holds(**partition)));
        match self.stalls.check(snapshot, &owned, &paused, now) {
            Some(reason) if !self.consumer.context().is_topic_missing() => self.replace_client(&reason),
            _ if self.stalls.another_may_try(snapshot, now) && self.another_reaches_a_broker() => {
                self.replace_client("it reaches no broker, and another client does")
            }
            _ => Ok(()),
        }
    }

    /// Asks by a client that joins no group, so that an outage of all brokers costs no more than that.
    fn another_reaches_a_broker(&self) -> bool {
        let kafka = &self.config.kafka;
        let mut client = kafka.client_with(&[]);
        client.set("group.id", format!("{}-trial", kafka.group));
        let another = client.create::<BaseConsumer>();
        another.is_ok_and(|another| {
            let metadata = another.fetch_metadata(Some(&self.config.topic), SEEK);
            metadata.is_ok_and(|metadata| !metadata.brokers().is_empty())
        })
    }

    /// The client could not read the batch at this offset, of a partition that it does not name: all that may be meant are held,
    /// before anything behind it is taken for what follows.
    pub(super) fn hold(&mut self, offset: i64, reason: &str) {
        let owned = self.consumer.context().owned();
        let stands = |partition: &i32| {
            let handed_over = self.partitions.last_handed_over(*partition);
            handed_over.is_none_or(|handed_over| handed_over <= offset) && !self.held.holds(*partition)
        };
        let meant: Vec<i32> = owned.into_iter().filter(stands).collect();
        for partition in meant {
            self.held.hold(partition, offset, reason, Instant::now());
            if let Err(error) = self.consumer.pause(&self.list([(partition, Offset::Invalid)])) {
                tracing::warn!(%error, partition, "partition not paused");
            }
        }
    }

    pub(super) fn check_held(&mut self, now: Instant) {
        let config = &self.config;
        let skip_after = config.skip_unreadable_after;
        let findings = self.held.findings(&config.kafka, &config.topic, skip_after, now);
        for (partition, finding) in findings {
            let context = self.consumer.context();
            match finding {
                Finding::Unreadable(gap) => context.unreadable(partition, &gap),
                Finding::Readable(offset) => {
                    // Some of what comes before it may not be handed over yet.
                    let handed_over = self.partitions.last_handed_over(partition);
                    self.read_on(
                        partition,
                        handed_over.map_or(Offset::Stored, |next| Offset::Offset(next.min(offset))),
                    );
                }
                Finding::Skip(gap) => {
                    tracing::error!(partition, first = gap.first, last = gap.end - 1, "batch skipped");
                    context.reads_on();
                    self.config.batches_skipped.inc();
                    self.read_on(partition, Offset::Offset(gap.end));
                    let Gap { first, end, reason } = gap;
                    let record = RawRecord::skipped(partition, first, Unreadable { end, reason });
                    self.partitions.handed_over(partition, end);
                    self.gathered.records.push(record);
                    self.gathering_since.get_or_insert(now);
                }
            }
        }
    }

    pub(super) fn read_on(&self, partition: i32, from: Offset) {
        let topic = self.consumer.context().topic();
        let sought = match from {
            Offset::Stored => Ok(()),
            from => self.consumer.seek(topic, partition, from, SEEK),
        };
        let resumed = sought.and_then(|()| self.consumer.resume(&self.list([(partition, Offset::Invalid)])));
        if let Err(error) = resumed {
            // It stands still then, which health reports and a new client ends.
            tracing::error!(%error, partition, "partition not resumed");
        }
    }

    pub(super) fn replace_client(&mut self, reason: &str) -> Result<(), ConsumerError> {
        let topic = &self.config.topic;
        tracing::error!(topic, reason, "Kafka client stalled, replacing it");
        self.config.replaced.inc();
        self.stalls.replaced(Instant::now());
        self.renew_client()
    }

    /// Goes on with a new client. What was read and not committed is read again.
    pub(super) fn renew_client(&mut self) -> Result<(), ConsumerError> {
        let fresh = self.config.connect()?;
        let old = std::mem::replace(&mut self.consumer, fresh);
        old.context().retire();
        leave_group(old);
        self.partitions.all_revoked();
        self.topic.renewed();
        self.held.clear();
        self.gathered = Batch::default();
        self.gathered_bytes = 0;
        self.gathering_since = None;
        self.stalls.forget();
        Ok(())
    }

    pub(super) fn classify(&self, error: &KafkaError) -> Result<(), ConsumerError> {
        if let Some((_, reason)) = self.consumer.client().fatal_error() {
            return Err(ConsumerError::Fatal(reason));
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                self.consumer.context().topic_exists(false);
            }
            // The context reports it: brokers that come and go by health, others with what the client says.
            _ => tracing::debug!(%error, "reading the topic"),
        }
        Ok(())
    }
}

/// Lets a client that is given up leave the group, on a thread of its own, since it may not manage to. Then it is left as it
/// is, and as it is not polled, it gives its membership up after `max.poll.interval.ms`.
fn leave_group(client: SagaConsumer) {
    let work = move || {
        let begun = Instant::now();
        if let Err(error) = client.close_queue() {
            tracing::warn!(%error, "Kafka client cannot leave its group");
        }
        while !client.closed() {
            if begun.elapsed() > LEAVING {
                tracing::warn!("Kafka client did not leave its group in time, abandoned");
                std::mem::forget(client);
                return;
            }
            let _ = client.poll(Duration::from_millis(100));
        }
    };
    if let Err(error) = std::thread::Builder::new()
        .name("saga-consumer-end".to_owned())
        .spawn(work)
    {
        tracing::warn!(%error, "no thread to close a Kafka client on");
    }
}
