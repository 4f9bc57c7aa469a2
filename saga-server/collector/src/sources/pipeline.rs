//! What happens to a batch of a source between being read and being committed.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, mpsc},
};

use saga_types::avro::DecodeError;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    MapRecord, MappedRecord, Record, SourceParts, Value,
    avro::{self, DocumentSchema},
    publish::{self, PlacedEvent},
};
use crate::{
    dead_letters::write::DeadLetterWriter,
    failure,
    ingest::{rejection::Rejection, schema_registry::Registry, wait_reports::WaitReports},
    kafka::record::{Batch, Offsets, RawRecord},
    metrics::RecordOutcome,
    telemetry::spans,
};

/// The schemas of one batch, by their ids.
pub(super) type Schemas = HashMap<u32, Result<Arc<DocumentSchema>, Rejection>>;

/// Handles the batches of one source.
pub(super) struct Worker {
    parts: SourceParts,
    registry: Option<Registry<Arc<DocumentSchema>>>,
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
        let values = records.iter().filter_map(RawRecord::value);
        let ids: BTreeSet<u32> = values.filter_map(avro::schema_id).collect();
        if !registry.learn(&ids, &self.reports, &self.stop).await {
            return None;
        }
        let schemas = ids.into_iter().map(|id| (id, registry.schema(id).cloned()));
        Some(schemas.collect())
    }
}

impl Outcomes {
    fn of(records: &[RawRecord], mapper: &dyn MapRecord, topic: &str, schemas: &Schemas) -> Self {
        let mut outcomes = Self::default();
        for (place, record) in records.iter().enumerate() {
            match outcome(record, mapper, topic, schemas) {
                Ok(MappedRecord::Event(event)) => outcomes.events.push((place, *event)),
                Ok(MappedRecord::Ignored) => outcomes.ignored += 1,
                Ok(MappedRecord::Undecodable(reason)) => {
                    outcomes.rejected.push((place, Rejection::not_the_format(reason)));
                }
                Ok(MappedRecord::Refused(reason)) => {
                    outcomes
                        .rejected
                        .push((place, Rejection::refused_by_mapping(reason)));
                }
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
) -> Result<MappedRecord, Rejection> {
    if let Some(unreadable) = &record.unreadable {
        return Err(Rejection::unreadable(record.offset, unreadable));
    }
    let read = |value| match mapper.takes_avro() {
        true => read(value, schemas),
        false => Ok(Value::Bytes(value)),
    };
    let map = || {
        let record = Record {
            topic,
            partition: record.partition,
            offset: record.offset,
            timestamp_millis: record.timestamp.to_millis(),
            key: record.key(),
            value: record.value().map(read).transpose()?,
            headers: record.headers().collect(),
        };
        Ok(mapper.map(&record))
    };
    failure::without_panic(map).unwrap_or_else(|reason| Err(Rejection::not_understood(reason)))
}

/// A value by a schema of the registry, as JSON; any other as it is.
fn read<'a>(value: &'a [u8], schemas: &Schemas) -> Result<Value<'a>, Rejection> {
    let Some(id) = avro::schema_id(value) else {
        return Ok(Value::Bytes(value));
    };
    match schemas.get(&id) {
        Some(Ok(schema)) => Ok(Value::Avro(schema.json(value)?)),
        Some(Err(rejection)) => Err(rejection.clone()),
        None => Err(DecodeError::NoRegistry(id).into()),
    }
}
