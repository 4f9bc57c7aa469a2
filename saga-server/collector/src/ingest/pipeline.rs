//! What happens to a batch between being read and being committed.
//!
//! Batches are decoded one after the other. While one is being stored the next is decoded, and queues up behind it at the
//! writers, so that neither they nor the database ever wait for a batch as a whole.

use std::sync::{Arc, mpsc};

use futures_util::{StreamExt, stream::FuturesOrdered};
use saga_types::Timestamp;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    IngestParts,
    decode::Decoder,
    producer_headers::ProducerObservations,
    rejection::Rejection,
    writers::{IndexedEvent, Writers},
};
use crate::{
    backoff::Backoff,
    health::Component,
    kafka::{
        dead_letter_producer::{DeadLetter, DeadLetterProducer},
        record::{Batch, Offsets, RawRecord},
    },
    telemetry::spans,
};
use saga_store::{AppendError, ProducerObservation};

/// Handles batches until the consumer is gone or, when asked to stop, a batch in hand cannot be finished.
pub(super) async fn run(
    parts: IngestParts,
    dead_letters: DeadLetterProducer,
    stop: CancellationToken,
    mut batches: tokio::sync::mpsc::Receiver<Batch>,
    done: mpsc::Sender<Offsets>,
) {
    let mut decoding = DecodeStage {
        decoder: Decoder::new(parts.registry.clone()),
        writers: Writers::start(&parts, &stop),
        acks: Arc::new(AckStage {
            dead_letters: Mutex::new(dead_letters),
            parts,
            stop,
        }),
    };
    // Each is a task of its own, but they are done in the order in which they were read.
    let mut in_flight = FuturesOrdered::new();
    loop {
        tokio::select! {
            Some(finished) = in_flight.next() => match finished {
                Ok(Some(offsets)) => {
                    if done.send(offsets).is_err() {
                        return;
                    }
                }
                Ok(None) | Err(_) => return,
            },
            batch = batches.recv() => {
                let Some(batch) = batch else { return };
                let span = spans::batch(&decoding.acks.parts.kafka.topic, batch.records.len());
                match decoding.batch(batch).instrument(span.clone()).await {
                    Some(finishing) => in_flight.push_back(tokio::spawn(finishing.instrument(span))),
                    None => return,
                }
            }
        }
    }
}

/// The first half: what is done with one batch at a time.
struct DecodeStage {
    decoder: Decoder,
    writers: Writers,
    acks: Arc<AckStage>,
}

impl DecodeStage {
    /// Decodes a batch and hands its events on to the writers; the future waits for everything else. `None` only when asked
    /// to stop while the schema registry is away.
    async fn batch(&mut self, batch: Batch) -> Option<impl Future<Output = Option<Offsets>> + Send + use<>> {
        let AckStage { parts, stop, .. } = &*self.acks;
        let offsets = batch.offsets();
        let records = batch.records;
        if !self.decoder.prepare(&records, &parts.health, stop).await {
            return None;
        }
        let mut rejected: Vec<(usize, Rejection)> = Vec::new();
        let mut events = Vec::with_capacity(records.len());
        let mut observations = ProducerObservations::default();
        let now = Timestamp::now();
        for (index, record) in records.iter().enumerate() {
            let decoded = self.decoder.decode(record);
            observations.observe(record, decoded.as_ref().ok(), now);
            match decoded {
                Ok(event) => events.push(IndexedEvent { index, event }),
                Err(rejection) => rejected.push((index, rejection)),
            }
        }
        parts.metrics.producers_invalid(observations.invalid);
        parts.metrics.producers_left_out(observations.left_out);
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
    stop: CancellationToken,
}

impl AckStage {
    /// Records who wrote the batch. `false` only when asked to stop while the database is away.
    async fn record_producers(&self, observed: &[ProducerObservation]) -> bool {
        let mut backoff = Backoff::new();
        loop {
            match self.parts.store.observe_producers(observed).await {
                Ok(()) => return true,
                Err(AppendError::Refused(reason)) => {
                    tracing::error!(%reason, "producer observations refused by the database");
                    return true;
                }
                // The writers report it to the operator.
                Err(AppendError::Unavailable(reason)) => {
                    tracing::debug!(%reason, "producer observations not stored, retrying");
                    if !backoff.wait(&self.stop).await {
                        return false;
                    }
                }
            }
        }
    }

    /// `false` only when asked to stop while the dead letter topic is away.
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
        let mut left = letters.clone();
        let mut dead_letters = self.dead_letters.lock().await;
        while let Err(unwritten) = dead_letters.publish(&left).instrument(span.clone()).await {
            let error = unwritten.error;
            left = unwritten.letters;
            tracing::error!(%error, letters = left.len(), "dead letters not written, retrying");
            self.parts.health.down(
                Component::Ingest,
                format!("dead letters cannot be written: {error}"),
            );
            if !backoff.wait(&self.stop).await {
                return false;
            }
        }
        self.parts.health.up(Component::Ingest);
        for letter in &letters {
            self.report(letter);
        }
        true
    }

    fn report(&self, letter: &DeadLetter<'_>) {
        self.parts.metrics.dead_letter(letter.kind);
        tracing::warn!(
            partition = letter.record.partition,
            offset = letter.record.offset,
            kind = letter.kind,
            reason = letter.reason,
            "dead letter"
        );
    }
}
