//! Follows the dead letter topic and keeps every letter in the database.
//!
//! It works as ingest does, with a consumer group of its own that all instances share: an offset is committed only when
//! every letter before it is kept, and the partitions pause while the database is away. It never makes the collector
//! unready: events can be stored and letters be buried all the same.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::read;
use crate::{
    backoff::Backoff,
    health::Health,
    ingest::{RegistryConfig, decode::Decoder},
    kafka::{
        IngestError, KafkaConfig,
        consume_loop::{self, BatchLimits},
        consumer::Following,
        record::{Batch, Offsets, RawRecord},
    },
    metrics::Metrics,
};
use saga_store::{AppendError, NewLetter, Store};

/// Letters are few, but may be large.
const LIMITS: BatchLimits = BatchLimits {
    size: 200,
    wait: Duration::from_millis(100),
};

/// What the client may read ahead.
const SETTINGS: [(&str, &str); 2] = [
    ("queued.max.messages.kbytes", "4096"),
    ("queued.min.messages", "200"),
];

/// What following the topic needs.
pub struct CollectParts {
    /// Where letters come from.
    pub kafka: KafkaConfig,
    /// Where the writers' schemas are, if not all records say it themselves.
    pub registry: Option<RegistryConfig>,
    /// Where letters go.
    pub store: Arc<dyn Store>,
    /// Told how the registry is.
    pub health: Arc<Health>,
    /// Told of clients that were replaced.
    pub metrics: Arc<Metrics>,
}

/// The dead letter topic, being followed.
pub struct Collect {
    stop: CancellationToken,
    ended: oneshot::Receiver<Result<(), IngestError>>,
}

impl Collect {
    /// Begins. Nothing needs to be reachable yet.
    ///
    /// # Errors
    ///
    /// [`IngestError::Client`] when a setting is wrong.
    pub fn start(parts: CollectParts) -> Result<Self, IngestError> {
        let stop = CancellationToken::new();
        let topic = parts.kafka.dead_letter_topic.clone();
        let following = Following {
            kafka: parts.kafka.clone(),
            topic: topic.clone(),
            group: format!("{}-dead-letters", parts.kafka.group),
            settings: &SETTINGS,
            told: None,
            replaced: parts.metrics.clients_replaced.clone(),
        };
        let (batches, work_queue) = consume_loop::queue();
        let (done, done_queue) = std::sync::mpsc::channel();
        let worker = Worker {
            topic,
            decoder: Decoder::new(parts.registry),
            store: parts.store,
            health: parts.health,
            stop: stop.clone(),
        };
        tokio::spawn(worker.run(work_queue, done));
        let ended = consume_loop::spawn(LIMITS, following, stop.clone(), batches, done_queue)?;
        Ok(Self { stop, ended })
    }

    /// Waits until it ends by itself, which it does only when it cannot go on.
    pub async fn ended(&mut self) -> IngestError {
        match (&mut self.ended).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(_) => IngestError::ThreadEnded,
        }
    }

    /// Stops, and says whether it ended in time. What is not finished is left for the next start.
    pub async fn stop(self, within: Duration) -> bool {
        self.stop.cancel();
        tokio::time::timeout(within, self.ended).await.is_ok()
    }
}

struct Worker {
    topic: String,
    decoder: Decoder,
    store: Arc<dyn Store>,
    health: Arc<Health>,
    stop: CancellationToken,
}

impl Worker {
    async fn run(
        mut self,
        mut batches: tokio::sync::mpsc::Receiver<Batch>,
        done: std::sync::mpsc::Sender<Offsets>,
    ) {
        while let Some(batch) = batches.recv().await {
            let offsets = batch.offsets();
            if !self.handle(&batch.records).await || done.send(offsets).is_err() {
                return;
            }
        }
    }

    /// Whether all letters are kept. `false` only when asked to stop while the database or the schema registry is away.
    async fn handle(&mut self, records: &[RawRecord]) -> bool {
        if !self.decoder.prepare(records, &self.health, &self.stop).await {
            return false;
        }
        let letters = records.iter().map(|record| {
            let event = self.decoder.decode(record).ok();
            read::letter(&self.topic, record, event.as_ref())
        });
        // In pieces, the whole first; what the database refuses is halved until the one bad letter is found.
        let mut pieces = vec![letters.collect::<Vec<_>>()];
        while let Some(mut piece) = pieces.pop() {
            match self.keep(&piece).await {
                None => return false,
                Some(Ok(())) => {}
                Some(Err(reason)) if piece.len() == 1 => self.give_up(&piece[0], &reason),
                Some(Err(_)) => {
                    let second = piece.split_off(piece.len() / 2);
                    pieces.extend([second, piece]);
                }
            }
        }
        true
    }

    /// Tries until the database answers. `None` when asked to stop meanwhile.
    async fn keep(&self, letters: &[NewLetter]) -> Option<Result<(), String>> {
        let mut backoff = Backoff::new();
        loop {
            match self.store.keep_letters(letters.to_vec()).await {
                Ok(new) => {
                    tracing::debug!(letters = letters.len(), new, "dead letters kept");
                    return Some(Ok(()));
                }
                Err(AppendError::Refused(reason)) => return Some(Err(reason)),
                Err(AppendError::Unavailable(reason)) => {
                    tracing::debug!(reason, "dead letters cannot be kept; trying again");
                    if !backoff.wait(&self.stop).await {
                        return None;
                    }
                }
            }
        }
    }

    /// One letter must not hold up the others; it stays on its topic.
    fn give_up(&self, letter: &NewLetter, reason: &str) {
        let letter = &letter.letter;
        tracing::error!(
            topic = self.topic,
            partition = letter.partition,
            offset = letter.offset,
            reason,
            "the database does not take a dead letter; it is on its topic only"
        );
    }
}
