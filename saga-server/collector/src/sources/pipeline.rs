//! What happens to a batch of a source between being read and being committed.

use std::sync::mpsc;

use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    MapRecord, Record, SourceParts, Value,
    map::{self, DocumentRegistry, Mapped, Schemas},
    publish::{self, PlacedEvent},
};
use crate::{
    dead_letters::write::DeadLetterWriter,
    ingest::{rejection::Rejection, schema_registry::Registry, wait_reports::WaitReports},
    kafka::record::{Batch, Offsets, RawRecord},
    metrics::RecordOutcome,
    telemetry::spans,
};

/// Handles the batches of one source.
pub(super) struct Worker {
    parts: SourceParts,
    registry: Option<DocumentRegistry>,
    reports: WaitReports,
    dead_letters: DeadLetterWriter,
    stop: CancellationToken,
}

/// What the records of a batch became.
#[derive(Default)]
struct Outcomes {
    events: Vec<PlacedEvent>,
    ignored: u64,
    rejected: Vec<(usize, Rejection)>,
}

impl Worker {
    pub(super) fn new(
        parts: SourceParts,
        reports: WaitReports,
        dead_letters: DeadLetterWriter,
        stop: CancellationToken,
    ) -> Self {
        let registry = parts.registry.clone().filter(|_| parts.mapper.takes_avro());
        Self {
            registry: registry.map(Registry::new),
            parts,
            reports,
            dead_letters,
            stop,
        }
    }

    /// Handles batches until the consumer is gone or, when cancelled, a batch in hand cannot be finished.
    pub(super) async fn run(
        mut self,
        mut batches: tokio::sync::mpsc::Receiver<Batch>,
        done: mpsc::Sender<Offsets>,
    ) {
        while let Some(batch) = batches.recv().await {
            let offsets = batch.offsets();
            let span = spans::batch(&self.parts.topic, &self.parts.group, batch.records.len());
            if !self.handle(batch.records).instrument(span).await || done.send(offsets).is_err() {
                return;
            }
        }
    }

    /// Whether all events are acknowledged, and all dead letters are kept. `false` only when cancelled before.
    async fn handle(&mut self, records: Vec<RawRecord>) -> bool {
        let Some(schemas) = self.schemas(&records).await else {
            return false;
        };
        let (mapper, topic) = (self.parts.mapper.clone(), self.parts.topic.clone());
        // Expressions are bounded, and many of them take long nevertheless.
        let mapping = tokio::task::spawn_blocking(move || {
            let outcomes = Outcomes::of(&records, &*mapper, &topic, &schemas);
            (records, outcomes)
        });
        let Ok((records, mut outcomes)) = mapping.await else {
            return false;
        };
        let mapped = outcomes.events.len();
        let events = std::mem::take(&mut outcomes.events);
        let publisher = &*self.parts.publisher;
        let Some(refused) =
            publish::until_acknowledged(publisher, events, &self.reports.status, &self.stop).await
        else {
            return false;
        };
        let mapped = mapped - refused.len();
        outcomes.rejected.extend(refused);
        if !self.dead_letters.write(&records, &outcomes.rejected).await {
            return false;
        }
        self.count(mapped as u64, &outcomes);
        true
    }

    fn count(&self, mapped: u64, outcomes: &Outcomes) {
        let counts = [
            (RecordOutcome::Mapped, mapped),
            (RecordOutcome::Ignored, outcomes.ignored),
            (RecordOutcome::DeadLetter, outcomes.rejected.len() as u64),
        ];
        for (outcome, count) in counts {
            self.parts
                .metrics
                .sources
                .records(&self.parts.name, outcome, count);
        }
    }

    /// The schemas that the records name; `None` when cancelled while the registry is unavailable.
    async fn schemas(&mut self, records: &[RawRecord]) -> Option<Schemas> {
        let Some(registry) = &mut self.registry else {
            return Some(Schemas::new());
        };
        let ids = map::schema_ids(records.iter().filter_map(RawRecord::value));
        if !registry.learn(&ids, &self.reports, &self.stop).await {
            return None;
        }
        Some(map::schemas(registry, ids))
    }
}

impl Outcomes {
    fn of(records: &[RawRecord], mapper: &dyn MapRecord, topic: &str, schemas: &Schemas) -> Self {
        let mut outcomes = Self::default();
        for (place, record) in records.iter().enumerate() {
            match outcome(record, mapper, topic, schemas) {
                Ok(Mapped::Event(event)) => outcomes.events.push((place, *event)),
                Ok(Mapped::Ignored) => outcomes.ignored += 1,
                Err(rejection) => outcomes.rejected.push((place, rejection)),
            }
        }
        outcomes
    }
}

/// What a record becomes, or why it is a dead letter.
pub(super) fn outcome(
    record: &RawRecord,
    mapper: &dyn MapRecord,
    topic: &str,
    schemas: &Schemas,
) -> Result<Mapped, Rejection> {
    if let Some(unreadable) = &record.unreadable {
        return Err(Rejection::unreadable(record.offset, unreadable));
    }
    let record = Record {
        topic,
        partition: record.partition,
        offset: record.offset,
        timestamp_millis: record.timestamp.to_millis(),
        key: record.key(),
        value: record.value().map(Value::Bytes),
        headers: record.headers().collect(),
    };
    map::map(record, mapper, schemas)
}
