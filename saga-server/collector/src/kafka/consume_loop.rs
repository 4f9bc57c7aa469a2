//! One thread that reads the topic, hands on batches, and commits what was done.
//!
//! It is a thread and not a task because the client must be polled whatever else happens: a consumer that does not poll
//! for five minutes loses its partitions. While a batch is being stored the next one is gathered. When that may not be
//! handed on, full as it is, the thread waits, and after a second it pauses the partitions and keeps polling until the
//! store has caught up.
//!
//! A partition is paused when it has given a record, never before: librdkafka numbers its orders, and a pause that comes
//! between the order to start a partition and its execution makes it drop that order for good.

use std::{
    collections::BTreeSet,
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    ConsumerError,
    consumer::{ConsumerConfig, SagaConsumer},
    partitions::{MAX_IN_FLIGHT, Partitions},
    record::{Batch, Offsets, RawRecord, Unreadable},
    stall::{ClientSnapshot, StallDetector},
    unreadable::{Finding, Gap, HeldPartitions},
};

/// How long one poll of the client may take, and so how late a finished batch may be noticed.
const POLL: Duration = Duration::from_millis(10);

/// How long to wait for the store before pausing. A pause throws away what the client has read ahead.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

/// The most bytes of a batch. With those in work there are three of them in memory.
const BATCH_BYTES: usize = 12 * 1024 * 1024;

/// How long going to an offset may take.
const SEEK: Duration = Duration::from_secs(5);

/// How long a client that is given up may take to leave the group.
const LEAVING: Duration = Duration::from_secs(30);

/// When a batch is handed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    /// With so many records.
    pub(crate) size: usize,
    /// So long after its first record.
    pub(crate) wait: Duration,
}

/// The way of batches from the thread to those who handle them, with room for all that it hands on.
pub(crate) fn queue() -> (mpsc::Sender<Batch>, mpsc::Receiver<Batch>) {
    mpsc::channel(MAX_IN_FLIGHT)
}

/// Starts the thread. The answer comes when it ends.
pub(crate) fn spawn(
    limits: BatchLimits,
    config: ConsumerConfig,
    stop: CancellationToken,
    batches: mpsc::Sender<Batch>,
    done: Receiver<Offsets>,
) -> Result<oneshot::Receiver<Result<(), ConsumerError>>, ConsumerError> {
    let consumer = config.connect()?;
    let (ended, answer) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("saga-consumer".to_owned())
        .spawn(move || {
            let mut loop_ = ConsumeLoop {
                limits,
                config,
                consumer,
                batches,
                done,
                gathered: Batch::default(),
                gathered_bytes: 0,
                gathering_since: None,
                partitions: Partitions::default(),
                stalls: StallDetector::default(),
                held: HeldPartitions::default(),
            };
            let result = loop_.run(&stop);
            // Leaving the group is part of the end.
            drop(loop_);
            // The receiver may be gone when shutdown did not wait.
            let _ = ended.send(result);
        });
    thread.map(|_| answer).map_err(ConsumerError::NoThread)
}

struct ConsumeLoop {
    limits: BatchLimits,
    config: ConsumerConfig,
    consumer: SagaConsumer,
    batches: mpsc::Sender<Batch>,
    done: Receiver<Offsets>,
    gathered: Batch,
    gathered_bytes: usize,
    gathering_since: Option<Instant>,
    partitions: Partitions,
    stalls: StallDetector,
    held: HeldPartitions,
}

impl ConsumeLoop {
    fn run(&mut self, stop: &CancellationToken) -> Result<(), ConsumerError> {
        while !stop.is_cancelled() {
            self.take_done(CommitMode::Async)?;
            if self.is_due() && self.may_submit() {
                self.submit()?;
            }
            if self.is_full() {
                self.wait_for_store(stop)?;
            } else {
                self.gather_one()?;
            }
        }
        self.finish()
    }

    fn is_full(&self) -> bool {
        self.gathered.records.len() >= self.limits.size || self.gathered_bytes >= BATCH_BYTES
    }

    fn may_submit(&self) -> bool {
        self.partitions.may_submit(self.is_full())
    }

    fn is_due(&self) -> bool {
        self.is_full()
            || self
                .gathering_since
                .is_some_and(|since| since.elapsed() >= self.limits.wait)
    }

    /// Polls for a record, and gives its partition.
    fn gather_one(&mut self) -> Result<Option<i32>, ConsumerError> {
        let record = match self.consumer.poll(POLL) {
            None => Ok(None),
            Some(Ok(message)) => Ok(Some(RawRecord::of(&message))),
            Some(Err(error)) => Err(error),
        };
        // What was taken away goes first: the record may be the first of a partition that came back.
        self.drain_events()?;
        let Some(record) = record.or_else(|error| self.classify(&error).map(|()| None))? else {
            return Ok(None);
        };
        let partition = record.partition;
        if self.held.holds(partition) {
            // It was on its way when its partition was held, and is read again.
            return Ok(None);
        }
        self.gathered_bytes += record.bytes();
        self.partitions.handed_over(partition, record.offset + 1);
        self.gathered.records.push(record);
        self.gathering_since.get_or_insert_with(Instant::now);
        Ok(Some(partition))
    }

    /// What the callbacks recorded while the client was polled.
    fn drain_events(&mut self) -> Result<(), ConsumerError> {
        let Some(events) = self.consumer.context().take_events() else {
            return Ok(());
        };
        if !events.revoked.is_empty() {
            self.forget(&events.revoked);
        }
        if let Some((offset, reason)) = events.unreadable {
            self.hold(offset, &reason);
        }
        match events.snapshot {
            Some(snapshot) => self.check_client(&snapshot),
            None => Ok(()),
        }
    }

    /// The next owner of these partitions reads what was gathered of them again.
    fn forget(&mut self, revoked: &BTreeSet<i32>) {
        revoked.iter().for_each(|partition| {
            self.partitions.revoked(*partition);
            self.held.forget(*partition);
        });
        let gathered = &mut self.gathered.records;
        gathered.retain(|record| !revoked.contains(&record.partition));
        self.gathered_bytes = gathered.iter().map(RawRecord::bytes).sum();
        if gathered.is_empty() {
            self.gathering_since = None;
        }
    }

    fn check_client(&mut self, snapshot: &ClientSnapshot) -> Result<(), ConsumerError> {
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
        let owned = self.consumer.context().owned();
        self.commit_positions(snapshot, &owned);
        let mut paused = self.partitions.paused().clone();
        paused.extend(owned.iter().filter(|partition| self.held.holds(**partition)));
        match self.stalls.check(snapshot, &owned, &paused, now) {
            Some(reason) if !self.consumer.context().is_topic_missing() => self.replace_client(&reason),
            _ => Ok(()),
        }
    }

    /// The client could not read the batch at this offset, of a partition that it does not name: all that may be meant are held,
    /// before anything behind it is taken for what follows.
    fn hold(&mut self, offset: i64, reason: &str) {
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

    fn check_held(&mut self, now: Instant) {
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

    fn read_on(&self, partition: i32, from: Offset) {
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

    /// Commits where the client stands in partitions of which everything is stored: behind marks of transactions and aborted
    /// records, which are never handed over. Otherwise the group would seem to lag, and read them again after each start.
    fn commit_positions(&self, snapshot: &ClientSnapshot, owned: &BTreeSet<i32>) {
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

    /// Goes on with a new client. What was read and not committed is read again.
    fn replace_client(&mut self, reason: &str) -> Result<(), ConsumerError> {
        let topic = &self.config.topic;
        tracing::error!(topic, reason, "Kafka client stalled, replacing it");
        let fresh = self.config.connect()?;
        let old = std::mem::replace(&mut self.consumer, fresh);
        old.context().retire();
        leave_group(old);
        self.config.replaced.inc();
        self.partitions.all_revoked();
        self.held.clear();
        self.gathered = Batch::default();
        self.gathered_bytes = 0;
        self.gathering_since = None;
        self.stalls.replaced(Instant::now());
        Ok(())
    }

    fn classify(&self, error: &KafkaError) -> Result<(), ConsumerError> {
        if let Some((_, reason)) = self.consumer.client().fatal_error() {
            return Err(ConsumerError::Fatal(reason));
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                self.consumer.context().topic_exists(false);
            }
            // Brokers come and go; health reports it once, with the reason.
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::SSL
                | RDKafkaErrorCode::Authentication,
            ) => {
                tracing::debug!(%error, "reading the topic");
            }
            // Reported by the context, with what the client says of it.
            _ => tracing::debug!(%error, "reading the topic"),
        }
        Ok(())
    }

    /// Gives the gathered records to be stored, as far as their partitions are ours.
    fn submit(&mut self) -> Result<(), ConsumerError> {
        let is_full = self.is_full();
        let mut batch = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        self.gathering_since = None;
        let owned = self.consumer.context().owned();
        batch.records.retain(|record| owned.contains(&record.partition));
        if batch.records.is_empty() {
            return Ok(());
        }
        self.partitions.submitted(is_full);
        self.batches
            .try_send(batch)
            .map_err(|_| ConsumerError::ThreadEnded)
    }

    fn take_done(&mut self, mode: CommitMode) -> Result<(), ConsumerError> {
        match self.done.try_recv() {
            Ok(offsets) => {
                self.batch_stored(&offsets, mode);
                Ok(())
            }
            Err(TryRecvError::Empty) => Ok(()),
            Err(TryRecvError::Disconnected) => Err(ConsumerError::ThreadEnded),
        }
    }

    /// Waits for a batch in work while the next one is already full.
    fn wait_for_store(&mut self, stop: &CancellationToken) -> Result<(), ConsumerError> {
        if self.wait_for_done(PAUSE_AFTER)? {
            return Ok(());
        }
        tracing::debug!("partitions paused: the store is slow");
        let reading: BTreeSet<i32> = self
            .gathered
            .records
            .iter()
            .map(|record| record.partition)
            .collect();
        reading.into_iter().for_each(|partition| self.pause(partition));
        while !self.may_submit() && !stop.is_cancelled() {
            // Serves assignments and heartbeats. The first record of a partition assigned meanwhile is kept as well.
            if let Some(partition) = self.gather_one()? {
                self.pause(partition);
            }
            self.take_done(CommitMode::Async)?;
        }
        self.resume();
        Ok(())
    }

    /// Whether a batch in work was done within the time, if one had to be.
    fn wait_for_done(&mut self, within: Duration) -> Result<bool, ConsumerError> {
        if self.may_submit() {
            return Ok(true);
        }
        match self.done.recv_timeout(within) {
            Ok(offsets) => {
                self.batch_stored(&offsets, CommitMode::Async);
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(ConsumerError::ThreadEnded),
        }
    }

    fn pause(&mut self, partition: i32) {
        if !self.held.holds(partition)
            && self.partitions.pause(partition)
            && let Err(error) = self.consumer.pause(&self.list([(partition, Offset::Invalid)]))
        {
            tracing::warn!(%error, partition, "partition not paused");
        }
    }

    fn resume(&mut self) {
        let held = &self.held;
        let paused = self.partitions.resume().into_iter();
        let paused = paused.filter(|partition| !held.holds(*partition));
        let paused = self.list(paused.map(|partition| (partition, Offset::Invalid)));
        if let Err(error) = self.consumer.resume(&paused) {
            tracing::warn!(%error, "partitions not resumed");
        }
    }

    fn batch_stored(&mut self, offsets: &Offsets, mode: CommitMode) {
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

    fn commit(&self, offsets: impl Iterator<Item = (i32, i64)>, mode: CommitMode) {
        let list = self.list(offsets.map(|(partition, offset)| (partition, Offset::Offset(offset))));
        if list.count() == 0 {
            return;
        }
        if let Err(error) = self.consumer.commit(&list, mode) {
            tracing::warn!(%error, "offsets not committed, retrying; at worst records are read again");
        }
    }

    fn list(&self, partitions: impl IntoIterator<Item = (i32, Offset)>) -> TopicPartitionList {
        let topic = self.consumer.context().topic();
        let mut list = TopicPartitionList::new();
        for (partition, offset) in partitions {
            if let Err(error) = list.add_partition_offset(topic, partition, offset) {
                tracing::warn!(%error, partition, ?offset, "not an offset");
            }
        }
        list
    }

    /// Lets what is in work finish and commits it. What was only gathered is left for the next start.
    fn finish(&mut self) -> Result<(), ConsumerError> {
        while self.partitions.has_batch_in_flight() {
            match self.done.recv_timeout(POLL) {
                Ok(offsets) => self.batch_stored(&offsets, CommitMode::Sync),
                // The worker gives up when the store is away; then nothing more is committed.
                Err(RecvTimeoutError::Disconnected) => self.partitions.given_up(),
                Err(RecvTimeoutError::Timeout) => self.keep_polling(),
            }
        }
        self.consumer.unsubscribe();
        Ok(())
    }

    /// Keeps the membership alive; records that come now are not ours to handle any more.
    fn keep_polling(&mut self) {
        let _ = self.consumer.poll(Duration::ZERO);
        if let Some(events) = self.consumer.context().take_events() {
            self.forget(&events.revoked);
        }
    }
}

/// Lets a client that is given up leave the group, on a thread of its own, since it may not manage to. Then it is left as it
/// is, and as nobody polls it, it gives its membership up after `max.poll.interval.ms`.
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
