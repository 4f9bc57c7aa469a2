//! What happens to a batch between being read and being committed.

use std::sync::mpsc;

use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    IngestParts,
    batch::{Batch, Offsets, RawRecord},
    dead_letter::{DeadLetter, DeadLetters},
    decode::{Decoder, Rejection},
    store::{self, StoreStage},
};
use crate::{backoff::Backoff, health::Component, telemetry::spans};

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
        for (index, record) in batch.records.iter().enumerate() {
            match self.decoder.decode(record) {
                Ok(event) => events.push(store::Indexed { index, event }),
                Err(rejection) => rejected.push((index, rejection)),
            }
        }
        match self.store.store(events, &self.stop).await {
            Some(refused) => rejected.extend(refused),
            None => return false,
        }
        self.bury(&batch.records, &rejected).await
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
