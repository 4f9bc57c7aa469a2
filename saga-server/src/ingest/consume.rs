//! One thread that reads the topic, hands on batches, and commits what was done.
//!
//! It is a thread and not a task because the client must be polled whatever else happens: a consumer that does not poll
//! for five minutes loses its partitions. While a batch is being stored the next one is gathered; when that is full,
//! the thread waits, and after a second it pauses the partitions and keeps polling until the store has caught up.

use std::{
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
    IngestError,
    batch::{Batch, Offsets, RawRecord, Reached},
    context::SagaConsumer,
};

/// How long one look at the client may take; also how late a finished batch may be noticed.
const POLL: Duration = Duration::from_millis(10);

/// How long to wait for the store before pausing. A pause throws away what the client has read ahead.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most bytes of a batch. With the one in work there are two of them in memory.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// When a batch is handed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    /// With so many records.
    pub(crate) size: usize,
    /// So long after its first record.
    pub(crate) wait: Duration,
}

/// Starts the thread. The answer comes when it ends.
pub(crate) fn spawn(
    limits: BatchLimits,
    consumer: SagaConsumer,
    stop: CancellationToken,
    batches: mpsc::Sender<Batch>,
    done: Receiver<Offsets>,
) -> oneshot::Receiver<Result<(), IngestError>> {
    let (ended, answer) = oneshot::channel();
    std::thread::Builder::new()
        .name("saga-consumer".to_owned())
        .spawn(move || {
            let mut loop_ = ConsumeLoop {
                limits,
                consumer,
                batches,
                done,
                gathered: Batch::default(),
                gathered_bytes: 0,
                gathering_since: None,
                in_work: false,
            };
            let result = loop_.run(&stop);
            // Leaving the group is part of the end.
            drop(loop_);
            // The receiver may be gone when shutdown did not wait.
            let _ = ended.send(result);
        })
        .map(|_| answer)
        .unwrap_or_else(|_| oneshot::channel().1)
}

struct ConsumeLoop {
    limits: BatchLimits,
    consumer: SagaConsumer,
    batches: mpsc::Sender<Batch>,
    done: Receiver<Offsets>,
    gathered: Batch,
    gathered_bytes: usize,
    gathering_since: Option<Instant>,
    in_work: bool,
}

impl ConsumeLoop {
    fn run(&mut self, stop: &CancellationToken) -> Result<(), IngestError> {
        while !stop.is_cancelled() {
            self.take_done(CommitMode::Async)?;
            if self.is_due() && !self.in_work {
                self.hand_on()?;
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

    fn is_due(&self) -> bool {
        self.is_full()
            || self
                .gathering_since
                .is_some_and(|since| since.elapsed() >= self.limits.wait)
    }

    fn gather_one(&mut self) -> Result<(), IngestError> {
        match self.consumer.poll(POLL) {
            None => Ok(()),
            Some(Ok(message)) => {
                let record = RawRecord::of(&message);
                self.gathered_bytes += record.bytes();
                self.gathered.records.push(record);
                self.gathering_since.get_or_insert_with(Instant::now);
                Ok(())
            }
            Some(Err(error)) => self.judge(&error),
        }
    }

    fn judge(&self, error: &KafkaError) -> Result<(), IngestError> {
        if let Some((_, reason)) = self.consumer.client().fatal_error() {
            return Err(IngestError::Fatal(reason));
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                self.consumer.context().topic_is_missing();
            }
            // Brokers come and go; health says so once, and why they mistrust us.
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::SSL
                | RDKafkaErrorCode::Authentication,
            ) => {
                tracing::debug!(%error, "reading the topic");
            }
            _ => tracing::warn!(%error, "reading the topic"),
        }
        Ok(())
    }

    /// Gives the gathered records to be stored, less those of partitions that were taken away meanwhile: their
    /// next owner reads them again.
    fn hand_on(&mut self) -> Result<(), IngestError> {
        let mut batch = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        self.gathering_since = None;
        let context = self.consumer.context().clone();
        batch.records.retain(|record| context.owns(record.partition));
        if batch.records.is_empty() {
            return Ok(());
        }
        self.in_work = true;
        self.batches.try_send(batch).map_err(|_| IngestError::ThreadEnded)
    }

    fn take_done(&mut self, mode: CommitMode) -> Result<(), IngestError> {
        match self.done.try_recv() {
            Ok(offsets) => {
                self.in_work = false;
                self.commit(&offsets, mode);
                Ok(())
            }
            Err(TryRecvError::Empty) => Ok(()),
            Err(TryRecvError::Disconnected) => Err(IngestError::ThreadEnded),
        }
    }

    /// Waits for the batch in work while the next one is already full.
    fn wait_for_store(&mut self, stop: &CancellationToken) -> Result<(), IngestError> {
        if self.wait_for_done(PATIENCE)? {
            return Ok(());
        }
        tracing::debug!("the store is slow: partitions paused");
        self.pause();
        while self.in_work && !stop.is_cancelled() {
            // Serves assignments and heartbeats. Records of a partition assigned just now are kept as well.
            self.gather_one()?;
            self.pause();
            self.take_done(CommitMode::Async)?;
        }
        self.resume();
        Ok(())
    }

    /// Whether the batch in work was done within the time.
    fn wait_for_done(&mut self, within: Duration) -> Result<bool, IngestError> {
        if !self.in_work {
            return Ok(true);
        }
        match self.done.recv_timeout(within) {
            Ok(offsets) => {
                self.in_work = false;
                self.commit(&offsets, CommitMode::Async);
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(IngestError::ThreadEnded),
        }
    }

    fn pause(&self) {
        if let Ok(assignment) = self.consumer.assignment()
            && let Err(error) = self.consumer.pause(&assignment)
        {
            tracing::warn!(%error, "partitions could not be paused");
        }
    }

    fn resume(&self) {
        if let Ok(assignment) = self.consumer.assignment()
            && let Err(error) = self.consumer.resume(&assignment)
        {
            tracing::warn!(%error, "partitions could not be resumed");
        }
    }

    /// Commits what is still ours. A commit that fails is made good by the next one, or by reading again.
    fn commit(&self, offsets: &Offsets, mode: CommitMode) {
        let context = self.consumer.context();
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, reached) in offsets {
            context.stored(*partition, reached);
            let Reached { next_offset, .. } = *reached;
            if context.owns(*partition)
                && let Err(error) =
                    list.add_partition_offset(context.topic(), *partition, Offset::Offset(next_offset))
            {
                tracing::warn!(%error, partition, next_offset, "an offset cannot be committed");
            }
        }
        if list.count() == 0 {
            return;
        }
        if let Err(error) = self.consumer.commit(&list, mode) {
            tracing::warn!(%error, "offsets could not be committed; events may be read again");
        }
    }

    /// Lets the batch in work finish and commits it. What was only gathered is left for the next start.
    fn finish(&mut self) -> Result<(), IngestError> {
        while self.in_work {
            match self.done.recv_timeout(POLL) {
                Ok(offsets) => {
                    self.in_work = false;
                    self.commit(&offsets, CommitMode::Sync);
                }
                // The worker gives up on a batch when the store is away; then nothing is committed.
                Err(RecvTimeoutError::Disconnected) => self.in_work = false,
                Err(RecvTimeoutError::Timeout) => self.keep_polling(),
            }
        }
        self.consumer.unsubscribe();
        Ok(())
    }

    /// Keeps the membership alive; records that come now are not ours to handle any more.
    fn keep_polling(&mut self) {
        let _ = self.consumer.poll(Duration::ZERO);
    }
}
