//! What happens to a batch between being read and being committed.
//!
//! Batches are decoded one after the other. While one is being stored the next is decoded, and queues up behind it at the
//! writers, so that neither they nor the database ever wait for a batch as a whole.

use std::sync::{Arc, mpsc};

use saga_types::Timestamp;
use tokio::task::JoinHandle;
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
    dead_letters::{letter_log::LetterLog, write::DeadLetterWriter},
    failure::{self, Failure, Retry},
    kafka::{
        dead_letter_producer::DeadLetterProducer,
        record::{Batch, Offsets},
        status::ConsumerStatus,
    },
    telemetry::spans,
};
use saga_store::ProducerObservation;

/// How many batches may be decoded and not done; the consumer hands on no more.
const DECODED: usize = 2;

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
            dead_letters: DeadLetterWriter {
                producer: dead_letters.into(),
                kafka: parts.kafka.clone(),
                store: Some(parts.store.clone()),
                health: parts.health.clone(),
                metrics: parts.metrics.clone(),
                status: status.clone(),
                log: LetterLog::of(&parts.kafka.topic),
                stop: stop.clone(),
            },
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
            let kafka = &self.acks.parts.kafka;
            let span = spans::batch(&kafka.topic, &kafka.group, batch.records.len());
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
        let observed: Arc<[ProducerObservation]> = observations.finish(&self.decoder).into();
        let storing = self.writers.store(events, observed.clone());
        let acks = self.acks.clone();
        Some(async move {
            let stored = storing.await?;
            rejected.extend(stored.refused);
            // Neither is right only with the other, but both come before the offsets.
            let is_recorded = stored.is_observed || acks.record_producers(&observed).await;
            let is_done = is_recorded && acks.dead_letters.write(&records, &rejected).await;
            is_done.then_some(offsets)
        })
    }
}

/// The second half, of several batches at the same time.
struct AckStage {
    dead_letters: DeadLetterWriter,
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

    /// Records who wrote a batch that was stored without it. `false` only when cancelled while the database is unavailable. What
    /// it refuses although events could be stored is lost: it must not hold up the events.
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
}
