//! What happens to a batch between being read and being committed.
//!
//! Batches are decoded one after the other. While one is being stored the next is decoded, and queues up behind it at the
//! writers, so that neither they nor the database ever wait for a batch as a whole.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use saga_types::Timestamp;
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    IngestParts,
    decode::{self, Decoder},
    producer_headers::{FrameKind, ProducerObservations},
    rejection::Rejection,
    wait_reports::WaitReports,
    writers::{IndexedEvent, Writers},
};
use crate::{
    backoff::Backoff,
    dead_letters::read,
    failure::{self, Failure, Retry},
    health::Concern,
    kafka::{
        dead_letter_producer::{DeadLetter, DeadLetterProducer, Unwritten},
        record::{Batch, Offsets, RawRecord},
        status::{ConsumerStatus, Stage},
    },
    telemetry::spans,
};
use saga_store::{NewLetter, ProducerObservation};

/// How many batches may be decoded and not done; the consumer hands on no more.
const DECODED: usize = 2;

/// How long the dead letter topic may be unavailable until its letters are kept in the database.
const KEEP_BACK_AFTER: Duration = Duration::from_secs(20);

/// Handles batches until the consumer is gone or, when cancelled, a batch in hand cannot be finished.
pub(super) async fn run(
    parts: IngestParts,
    status: Arc<ConsumerStatus>,
    dead_letters: DeadLetterProducer,
    stop: CancellationToken,
    batches: tokio::sync::mpsc::Receiver<Batch>,
    done: mpsc::Sender<Offsets>,
) {
    let stage = DecodeStage {
        decoder: Decoder::new(parts.registry.clone()),
        writers: Writers::start(&parts, &status, &stop),
        acks: Arc::new(AckStage {
            dead_letters: Mutex::new(dead_letters),
            parts,
            status,
            stop,
        }),
    };
    let (decoded, mut finishing) = tokio::sync::mpsc::channel(DECODED);
    // A task of its own: while it waits for the schema registry, what was decoded before is stored and committed.
    tokio::spawn(stage.run(batches, decoded));
    // Each is a task, too, but they are done in the order in which they were read.
    while let Some(finishing) = finishing.recv().await {
        let Ok(Some(offsets)) = finishing.await else {
            return;
        };
        if done.send(offsets).is_err() {
            return;
        }
    }
}

type Finishing = JoinHandle<Option<Offsets>>;

/// The first half: what is done with one batch at a time.
struct DecodeStage {
    decoder: Decoder,
    writers: Writers,
    acks: Arc<AckStage>,
}

impl DecodeStage {
    async fn run(
        mut self,
        mut batches: tokio::sync::mpsc::Receiver<Batch>,
        decoded: tokio::sync::mpsc::Sender<Finishing>,
    ) {
        while let Some(batch) = batches.recv().await {
            let span = spans::batch(&self.acks.parts.kafka.topic, batch.records.len());
            let Some(finishing) = self.batch(batch).instrument(span.clone()).await else {
                return;
            };
            if decoded
                .send(tokio::spawn(finishing.instrument(span)))
                .await
                .is_err()
            {
                return;
            }
        }
    }

    /// Decodes a batch and hands its events on to the writers; the future waits for everything else. `None` only when
    /// cancelled while the schema registry is unavailable.
    async fn batch(&mut self, batch: Batch) -> Option<impl Future<Output = Option<Offsets>> + Send + use<>> {
        let AckStage { parts, stop, .. } = &*self.acks;
        let offsets = batch.offsets();
        let records = batch.records;
        let frames = decode::frames(&records);
        let reports = self.acks.reports();
        if !self.decoder.prepare(&frames, &reports, stop).await {
            return None;
        }
        let mut rejected: Vec<(usize, Rejection)> = Vec::new();
        let mut events = Vec::with_capacity(records.len());
        let mut observations = ProducerObservations::default();
        let now = Timestamp::now();
        for (index, (record, frame)) in records.iter().zip(frames).enumerate() {
            let kind = frame.as_ref().ok().copied().map(FrameKind::from);
            let decoded = match &record.unreadable {
                None => self.decoder.decode(frame),
                Some(unreadable) => Err(Rejection::unreadable(record.offset, unreadable)),
            };
            let observed =
                failure::without_panic(|| observations.observe(record, kind, decoded.as_ref().ok(), now));
            if let Err(reason) = observed {
                tracing::error!(reason, "producer of a record not observed");
            }
            match decoded {
                Ok(event) => events.push(IndexedEvent { index, event }),
                Err(rejection) => rejected.push((index, rejection)),
            }
        }
        parts.metrics.ingest.producers_invalid(observations.invalid);
        parts.metrics.ingest.producers_left_out(observations.left_out);
        let observed = observations.finish(&self.decoder);
        let (storing, acks) = (self.writers.store(events), self.acks.clone());
        Some(async move {
            // Side by side: neither is right only with the other, and both come before the offsets.
            let (stored, is_recorded) = tokio::join!(storing, acks.record_producers(&observed));
            rejected.extend(stored?);
            let is_done = is_recorded && acks.publish_dead_letters(&records, &rejected).await;
            is_done.then_some(offsets)
        })
    }
}

/// The second half, of several batches at the same time.
struct AckStage {
    dead_letters: Mutex<DeadLetterProducer>,
    parts: IngestParts,
    status: Arc<ConsumerStatus>,
    stop: CancellationToken,
}

impl AckStage {
    fn reports(&self) -> WaitReports {
        WaitReports {
            health: self.parts.health.clone(),
            status: self.status.clone(),
        }
    }

    /// Records who wrote the batch. `false` only when cancelled while the database is unavailable. What it refuses although
    /// events could be stored is lost: it must not hold up the events.
    async fn record_producers(&self, observed: &[ProducerObservation]) -> bool {
        let observe = |some| self.parts.store.observe_producers(some);
        // The writers report an outage to the operator.
        let report =
            |failure: &Failure| tracing::debug!(?failure, "producer observations not stored, retrying");
        let Some(refused) = self.retry().write_each(observed, observe, report).await else {
            return false;
        };
        for (observation, reason) in refused {
            let service = &observation.service;
            tracing::error!(service, reason, "producer observation refused by the database");
        }
        true
    }

    fn retry(&self) -> Retry<'_> {
        Retry {
            store: &*self.parts.store,
            stop: &self.stop,
        }
    }

    /// `false` only when cancelled while neither the dead letter topic nor the database takes a letter.
    async fn publish_dead_letters(&self, records: &[RawRecord], rejected: &[(usize, Rejection)]) -> bool {
        if rejected.is_empty() {
            return true;
        }
        let letters: Vec<DeadLetter<'_>> = rejected
            .iter()
            .map(|(index, rejection)| DeadLetter {
                record: &records[*index],
                kind: rejection.kind,
                reason: &rejection.reason,
            })
            .collect();
        let mut backoff = Backoff::new();
        let span = spans::dead_letters(letters.len());
        let begun = Instant::now();
        let mut left = letters.clone();
        let mut missing = None;
        let mut dead_letters = self.dead_letters.lock().await;
        while !left.is_empty() {
            let unwritten = dead_letters.publish(&left).instrument(span.clone()).await;
            let topic = &self.parts.kafka.dead_letter_topic;
            missing = missing.or(unwritten
                .iter()
                .find_map(|letter| letter.missing_permission(topic)));
            let is_long = begun.elapsed() >= KEEP_BACK_AFTER;
            let Some(unkept) = self.keep_back(unwritten, is_long).await else {
                return false;
            };
            left = unkept;
            if !left.is_empty() && !backoff.wait(&self.stop).await {
                return false;
            }
        }
        self.status.goes_on(Stage::DeadLetters);
        let missing = missing.map(|missing| format!("{missing}; dead letters are kept in the database only"));
        self.parts.health.warn(Concern::DeadLetterWrite, missing);
        for letter in &letters {
            self.report(letter);
        }
        true
    }

    /// Keeps in the database what the topic refuses, or, when it is unavailable for long, all that it did not take. Gives
    /// what is to be tried again; `None` when cancelled while the database is unavailable.
    async fn keep_back<'a>(
        &self,
        unwritten: Vec<Unwritten<'a>>,
        is_long: bool,
    ) -> Option<Vec<DeadLetter<'a>>> {
        let Some(first) = unwritten.first() else {
            return Some(Vec::new());
        };
        let error = first.error.to_string();
        let (kept, left): (Vec<_>, Vec<_>) = unwritten
            .into_iter()
            .partition(|unwritten| is_long || unwritten.is_refused());
        if !kept.is_empty() {
            let kafka = &self.parts.kafka;
            let letters = kept
                .iter()
                .map(|kept| read::kept_back(&kept.letter, &kafka.topic, &kafka.group));
            self.keep(letters.collect(), &error).await?;
            self.parts
                .metrics
                .dead_letters
                .kept_back
                .inc_by(kept.len() as u64);
            tracing::error!(
                error,
                letters = kept.len(),
                "dead letter topic does not take dead letters, kept in the database only"
            );
        }
        if !left.is_empty() {
            tracing::error!(error, letters = left.len(), "dead letters not written, retrying");
            self.status.waits(
                Stage::DeadLetters,
                format!("dead letters cannot be written: {error}"),
            );
        }
        Some(left.into_iter().map(|unwritten| unwritten.letter).collect())
    }

    /// Keeps letters in the database, and of those that it refuses the origin and the reason. `None` when cancelled before.
    async fn keep(&self, letters: Vec<NewLetter>, error: &str) -> Option<()> {
        let keep = |some: &[NewLetter]| self.parts.store.keep_letters(some.to_vec());
        let report = |failure: &Failure| {
            tracing::error!(error, ?failure, "dead letters not kept, retrying");
            let waiting = format!("dead letters can neither be written nor kept: {error}");
            self.status.waits(Stage::DeadLetters, waiting);
        };
        let refused = self.retry().write_each(&letters, keep, report).await?;
        let origins: Vec<NewLetter> = refused
            .into_iter()
            .map(|(letter, reason)| read::origin_only(letter, &reason))
            .collect();
        for (letter, reason) in self.retry().write_each(&origins, keep, report).await? {
            let origin = &letter.letter.origin;
            tracing::error!(
                ?origin,
                reason,
                "dead letter refused by its topic and by the database; its record remains in its topic only"
            );
        }
        Some(())
    }

    fn report(&self, letter: &DeadLetter<'_>) {
        self.parts.metrics.dead_letters.written(letter.kind);
        tracing::warn!(
            partition = letter.record.partition,
            offset = letter.record.offset,
            kind = letter.kind,
            reason = letter.reason,
            "dead letter"
        );
    }
}
