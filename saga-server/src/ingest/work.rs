//! What happens to a batch between being read and being committed.

use std::sync::mpsc;

use saga_types::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    IngestParts,
    batch::{Batch, Offsets, RawRecord},
    dead_letter::{DeadLetter, DeadLetters},
    decode::{Decoder, Rejection},
    sighting::Sightings,
    store::{self, StoreStage},
};
use crate::{
    backoff::Backoff,
    health::Component,
    store::{AppendError, Sighting},
    telemetry::spans,
};

/// Handles batches until the consumer is gone or, when asked to stop, the batch in hand is done.
pub(super) async fn run(
    parts: IngestParts,
    dead_letters: DeadLetters,
    stop: CancellationToken,
    mut batches: tokio::sync::mpsc::Receiver<Batch>,
    done: mpsc::Sender<Offsets>,
) {
    let decoder = Decoder::new(parts.registry.clone());
    let mut worker = Worker {
        decoder,
        store: StoreStage::new(parts.clone()),
        dead_letters,
        parts,
        stop,
    };
    while let Some(batch) = batches.recv().await {
        let offsets = batch.offsets();
        let span = spans::batch(&worker.parts.kafka.topic, batch.records.len());
        if !worker.handle(batch).instrument(span).await || done.send(offsets).is_err() {
            return;
        }
    }
}

struct Worker {
    decoder: Decoder,
    store: StoreStage,
    dead_letters: DeadLetters,
    parts: IngestParts,
    stop: CancellationToken,
}

impl Worker {
    /// Whether everything of the batch is in the store or in the dead letter topic. `false` only when asked to stop while
    /// one of them, or the schema registry, is away.
    async fn handle(&mut self, batch: Batch) -> bool {
        if !self
            .decoder
            .prepare(&batch.records, &self.parts.health, &self.stop)
            .await
        {
            return false;
        }
        let mut rejected: Vec<(usize, Rejection)> = Vec::new();
        let mut events = Vec::with_capacity(batch.records.len());
        let mut sightings = Sightings::default();
        let now = Timestamp::now();
        for (index, record) in batch.records.iter().enumerate() {
            let decoded = self.decoder.decode(record);
            sightings.look_at(record, decoded.as_ref().ok(), now);
            match decoded {
                Ok(event) => events.push(store::Indexed { index, event }),
                Err(rejection) => rejected.push((index, rejection)),
            }
        }
        // Side by side: neither is right only with the other, and both come before the offsets.
        let (stored, is_noted) = tokio::join!(self.store.store(events, &self.stop), self.note(sightings));
        match stored {
            Some(refused) if is_noted => rejected.extend(refused),
            _ => return false,
        }
        self.bury(&batch.records, &rejected).await
    }

    /// Notes who wrote the batch. `false` only when asked to stop while the database is away.
    async fn note(&self, sightings: Sightings) -> bool {
        let metrics = &self.parts.metrics;
        metrics.producers_invalid(sightings.invalid);
        metrics.producers_left_out(sightings.left_out);
        let seen: Vec<Sighting> = sightings.into_seen(&self.decoder);
        let mut backoff = Backoff::new();
        loop {
            match self.parts.store.sighted(&seen).await {
                Ok(()) => return true,
                Err(AppendError::Refused(reason)) => {
                    tracing::error!(reason, "the database does not take what was seen of producers");
                    return true;
                }
                // Those who store the events say it to the operator.
                Err(AppendError::Unavailable(reason)) => {
                    tracing::debug!(reason, "what was seen of producers cannot be noted; trying again");
                    if !backoff.wait(&self.stop).await {
                        return false;
                    }
                }
            }
        }
    }

    async fn bury(&mut self, records: &[RawRecord], rejected: &[(usize, Rejection)]) -> bool {
        if rejected.is_empty() {
            return true;
        }
        let letters: Vec<DeadLetter<'_>> = rejected
            .iter()
            .map(|(index, rejection)| DeadLetter {
                record: &records[*index],
                rejection,
            })
            .collect();
        let mut backoff = Backoff::new();
        let span = spans::dead_letters(letters.len());
        let mut left = letters.clone();
        while let Err(unwritten) = self.dead_letters.bury(&left).instrument(span.clone()).await {
            let error = unwritten.error;
            left = unwritten.letters;
            tracing::error!(%error, letters = left.len(), "dead letters cannot be written; trying again");
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
        self.parts.metrics.dead_letter(letter.rejection.kind);
        tracing::warn!(
            partition = letter.record.partition,
            offset = letter.record.offset,
            kind = letter.rejection.kind,
            reason = letter.rejection.reason,
            "dead letter"
        );
    }
}
