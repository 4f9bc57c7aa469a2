//! One thread that reads the topic, hands on batches, and commits what was done.
//!
//! It is a thread and not a task because the client must be polled whatever else happens: a consumer that does not poll
//! for five minutes loses its partitions. While a batch is being stored the next one is gathered. When that may not be
//! handed on, full as it is, the thread waits, and after a second it pauses the partitions and keeps polling until the
//! store has caught up.
//!
//! A partition is paused when it has given a record, never before: librdkafka numbers its orders, and a pause that comes
//! between the order to start a partition and its execution makes it drop that order.
//!
//! | part | what |
//! | --- | --- |
//! | here | gathers, hands on, and ends |
//! | `backpressure` | waits for the store |
//! | `commits` | commits what is stored |
//! | `client` | watches the client, and replaces it |
//! | `topic` | notices that the topic was made again, and reads it from its beginning |

mod backpressure;
mod client;
mod commits;
mod topic;

use std::{
    collections::BTreeSet,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use rdkafka::consumer::{CommitMode, Consumer};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    ConsumerError,
    consumer::SagaConsumer,
    consumer_config::ConsumerConfig,
    partitions::{MAX_IN_FLIGHT, Partitions},
    permission::Trial,
    record::{Batch, Offsets, RawRecord},
    stall::StallDetector,
    topic_identity::TopicIdentity,
    unreadable::HeldPartitions,
};

/// How long one poll of the client may take, and so how late a finished batch may be noticed.
const POLL: Duration = Duration::from_millis(10);

/// The same while there is no batch: then only the end may be noticed late. A record ends the poll at once.
const IDLE_POLL: Duration = Duration::from_millis(100);

/// The most bytes of a batch. With those in work there are three of them in memory.
const BATCH_BYTES: usize = 12 * 1024 * 1024;

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

/// The thread of a consume loop, which stops when this is dropped.
pub struct ConsumeThread {
    stop: DropGuard,
    ended: oneshot::Receiver<Result<(), ConsumerError>>,
}

impl ConsumeThread {
    /// Waits until it ends by itself, which it does only when it cannot go on.
    pub async fn ended(&mut self) -> ConsumerError {
        match (&mut self.ended).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(_) => ConsumerError::ThreadEnded,
        }
    }

    /// Stops consuming, finishes the batch in hand, commits, leaves the group; and says whether it ended in time. What is not
    /// finished is left for the next start, and nothing is lost by it.
    pub async fn stop(self, within: Duration) -> bool {
        drop(self.stop);
        // Leaving the group can block without end inside the client, so its thread is not waited for longer.
        tokio::time::timeout(within, self.ended).await.is_ok()
    }
}

/// Starts the thread.
pub(crate) fn spawn(
    limits: BatchLimits,
    config: ConsumerConfig,
    stop: CancellationToken,
    batches: mpsc::Sender<Batch>,
    done: Receiver<Offsets>,
) -> Result<ConsumeThread, ConsumerError> {
    let consumer = config.connect()?;
    let (ended, answer) = oneshot::channel();
    let guard = stop.clone().drop_guard();
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
                trial: Trial::default(),
                topic: TopicIdentity::default(),
                broker: None,
            };
            let result = loop_.run(&stop);
            // Leaving the group is part of the end.
            drop(loop_);
            // The receiver may be gone when shutdown did not wait.
            let _ = ended.send(result);
        });
    thread.map_err(ConsumerError::NoThread)?;
    Ok(ConsumeThread {
        stop: guard,
        ended: answer,
    })
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
    trial: Trial,
    topic: TopicIdentity,
    /// One that answers, by the last statistics.
    broker: Option<i32>,
}

impl ConsumeLoop {
    fn run(&mut self, stop: &CancellationToken) -> Result<(), ConsumerError> {
        while !stop.is_cancelled() {
            self.take_done(CommitMode::Async)?;
            if self.is_due() && self.may_submit() {
                self.submit()?;
            }
            if self.topic.is_another() {
                self.begin_again()?;
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
        let is_idle = self.gathered.records.is_empty() && !self.partitions.has_batch_in_flight();
        let record = match self.consumer.poll(if is_idle { IDLE_POLL } else { POLL }) {
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
        events
            .begun
            .iter()
            .for_each(|partition| self.topic.begun(*partition));
        if events.is_assigned {
            self.check_topic(true, Instant::now());
        }
        if let Some((offset, reason)) = events.unreadable {
            self.hold(offset, &reason);
        }
        match events.snapshot {
            Some(snapshot) => self.check_client(&snapshot),
            None => Ok(()),
        }
    }

    /// The next owner of these partitions reads what was gathered of them again, unless their topic is gone.
    fn forget(&mut self, revoked: &BTreeSet<i32>) {
        revoked.iter().for_each(|partition| {
            self.partitions.revoked(*partition);
            self.held.forget(*partition);
            self.topic.forget(*partition);
        });
        let is_gathered = |record: &RawRecord| revoked.contains(&record.partition);
        if !self.gathered.records.iter().any(is_gathered) || self.is_topic_gone() {
            return;
        }
        let gathered = &mut self.gathered.records;
        gathered.retain(|record| !revoked.contains(&record.partition));
        self.gathered_bytes = gathered.iter().map(RawRecord::bytes).sum();
        if gathered.is_empty() {
            self.gathering_since = None;
        }
    }

    /// Gives the gathered records to be stored, as far as their partitions are ours.
    fn submit(&mut self) -> Result<(), ConsumerError> {
        let is_full = self.is_full();
        let mut batch = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        self.gathering_since = None;
        if !self.topic.is_gone() {
            let owned = self.consumer.context().owned();
            batch.records.retain(|record| owned.contains(&record.partition));
        }
        if batch.records.is_empty() {
            return Ok(());
        }
        self.partitions.submitted(is_full);
        self.batches
            .try_send(batch)
            .map_err(|_| ConsumerError::ThreadEnded)
    }

    /// Lets what is in work finish and commits it. What was only gathered is left for the next start.
    fn finish(&mut self) -> Result<(), ConsumerError> {
        while self.partitions.has_batch_in_flight() {
            match self.done.recv_timeout(POLL) {
                Ok(offsets) => self.batch_stored(&offsets, CommitMode::Sync),
                // The worker gives up when the store is unavailable; then nothing more is committed.
                Err(RecvTimeoutError::Disconnected) => self.partitions.given_up(),
                Err(RecvTimeoutError::Timeout) => self.keep_polling(),
            }
        }
        // Commits may have waited for the topic's id, and no later one follows.
        let commits = self.partitions.unconfirmed_commits();
        if !commits.is_empty() {
            self.check_topic(true, Instant::now());
            self.commit(commits.into_iter(), CommitMode::Sync);
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
