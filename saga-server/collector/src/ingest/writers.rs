//! Events to the store: split over the writers by saga, retried while the database is unavailable, split in parts
//! to find the one event that the database refuses.
//!
//! Rule of thumb: a writer stores one part after the other, and a saga mostly has the same writer. So two transactions hardly ever
//! meet in a saga, although two batches are in flight.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Instant,
};

use futures_util::future::join_all;
use saga_types::SagaEvent;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::{IngestParts, rejection::Rejection};
use crate::{
    failure::{Failure, Retry},
    health::{Component, Outage},
    kafka::status::{ConsumerStatus, Stage},
    metrics,
    telemetry::spans,
};
use saga_store::{AppendError, Appended, ProducerObservation};

/// An event with the place of its record in the batch.
#[derive(Debug, Clone)]
pub(super) struct IndexedEvent {
    pub(super) index: usize,
    pub(super) event: SagaEvent,
}

/// What could not be stored, and why.
type Refused = Vec<(usize, Rejection)>;

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) refused: Refused,
    /// Whether its observations are noted.
    pub(super) is_observed: bool,
}

/// The writers, each a task with a queue.
pub(super) struct Writers(Vec<mpsc::UnboundedSender<WriterBatch>>);

/// The events of a batch that one writer stores.
struct WriterBatch {
    events: Vec<IndexedEvent>,
    observed: Arc<[ProducerObservation]>,
    span: Span,
    answer: oneshot::Sender<Option<Stored>>,
}

impl Writers {
    pub(super) fn start(parts: &IngestParts, status: &Arc<ConsumerStatus>, stop: &CancellationToken) -> Self {
        let writers = (0..parts.ingest.writers.max(1)).map(|_| {
            // The consumer bounds how much is in work.
            let (batches, queue) = mpsc::unbounded_channel();
            let writer = Writer {
                parts: parts.clone(),
                status: status.clone(),
                stop: stop.clone(),
            };
            tokio::spawn(writer.run(queue));
            batches
        });
        Self(writers.collect())
    }

    /// Puts events into the queues, the first of them with what they showed of producers; the future waits until all are
    /// stored, and gives those that the store does not accept. `None` when asked to stop while the database is unavailable.
    pub(super) fn store(
        &self,
        events: Vec<IndexedEvent>,
        mut observed: Arc<[ProducerObservation]>,
    ) -> impl Future<Output = Option<Stored>> + Send + use<> {
        let answers: Vec<_> = self
            .split(events)
            .into_iter()
            .zip(&self.0)
            .filter(|(events, _)| !events.is_empty())
            .map(|(events, writer)| {
                let (answer, stored) = oneshot::channel();
                let batch = WriterBatch {
                    events,
                    observed: std::mem::take(&mut observed),
                    span: Span::current(),
                    answer,
                };
                // A writer that is gone drops its answer.
                let _ = writer.send(batch);
                stored
            })
            .collect();
        async move {
            let mut all = Stored::default();
            for stored in join_all(answers).await {
                let stored = stored.ok().flatten()?;
                all.refused.extend(stored.refused);
                all.is_observed |= stored.is_observed;
            }
            Some(all)
        }
    }

    /// A batch of a collector that keeps up is stored soon enough by one writer, with less work and without keeping the
    /// database's processors from those who ask.
    fn split(&self, events: Vec<IndexedEvent>) -> Vec<Vec<IndexedEvent>> {
        const WORTH_A_WRITER: usize = 1_000;
        let writers = (events.len() / WORTH_A_WRITER).clamp(1, self.0.len());
        if writers == 1 {
            return vec![events];
        }
        let mut batches = vec![Vec::with_capacity(events.len() / writers * 5 / 4); writers];
        for event in events {
            let mut hasher = DefaultHasher::new();
            event.event.saga_id.hash(&mut hasher);
            let part = usize::try_from(hasher.finish() % writers as u64).unwrap_or_default();
            batches[part].push(event);
        }
        batches
    }
}

struct Writer {
    parts: IngestParts,
    status: Arc<ConsumerStatus>,
    stop: CancellationToken,
}

impl Writer {
    async fn run(self, mut queue: mpsc::UnboundedReceiver<WriterBatch>) {
        while let Some(WriterBatch {
            events,
            observed,
            span,
            answer,
        }) = queue.recv().await
        {
            let stored = self.store(events, &observed).instrument(span).await;
            // A receiver that is gone has given up the batch.
            let _ = answer.send(stored);
        }
    }

    /// Goes through the events in chunks, the whole first, with what it showed of producers. A refused chunk is split until
    /// single events are left.
    async fn store(&self, events: Vec<IndexedEvent>, mut observed: &[ProducerObservation]) -> Option<Stored> {
        let (mut refused, mut is_observed) = (Refused::new(), false);
        let mut chunks = vec![Chunk::of(events)];
        while let Some(chunk) = chunks.pop() {
            match self.append(&chunk, observed).await? {
                Ok(appended) => {
                    is_observed |= !std::mem::take(&mut observed).is_empty();
                    metrics::appended(&self.parts.metrics, &chunk.events, &appended);
                    refused.extend(chunk.refused(&appended.conflicts, Rejection::conflict));
                    refused.extend(chunk.refused(&appended.removed, Rejection::removed));
                }
                // An observation that the database refuses must not make it refuse events.
                Err(_) if !observed.is_empty() => {
                    observed = &[];
                    chunks.push(chunk);
                }
                Err(reason) if chunk.indexes.len() == 1 => {
                    refused.extend(chunk.refused(&[0], |_| Rejection::refused(reason.clone())));
                }
                // The first part is taken next, so that events keep their order.
                Err(_) => chunks.extend(chunk.parts().into_iter().rev()),
            }
        }
        Some(Stored { refused, is_observed })
    }

    /// Tries until the database answers: with what it stored, or with the reason why it refuses.
    async fn append(
        &self,
        chunk: &Chunk,
        observed: &[ProducerObservation],
    ) -> Option<Result<Appended, String>> {
        let mut outage = None;
        let retry = Retry {
            store: &*self.parts.store,
            stop: &self.stop,
        };
        let report = |failure: &Failure| outage = self.failed(failure);
        let appended = retry
            .write(chunk.events.len(), || self.append_once(chunk, observed), report)
            .await?;
        // Also after a refusal: an event is refused only while others pass.
        self.status.goes_on(Stage::Database);
        self.parts.health.up(Component::Db);
        if outage.take().is_some() && !self.parts.health.is_down(Component::Db) {
            tracing::info!("database available");
        }
        Some(appended)
    }

    async fn append_once(
        &self,
        chunk: &Chunk,
        observed: &[ProducerObservation],
    ) -> Result<Appended, AppendError> {
        let started = Instant::now();
        let appending = self.parts.store.append_observed(chunk.events.clone(), observed);
        let span = spans::append(self.parts.store.system(), chunk.events.len());
        let appended = appending.instrument(span).await;
        metrics::append_took(&self.parts.metrics, started.elapsed());
        appended
    }

    /// Reports a failure; the outage that it is, if it is one.
    fn failed(&self, failure: &Failure) -> Option<Outage> {
        let (Failure::Doubtful(reason) | Failure::Outage(reason) | Failure::Refused(reason)) = failure;
        self.parts.metrics.ingest.store_retries.inc();
        let waiting = format!("the database does not take events: {reason}");
        self.status.waits(Stage::Database, waiting);
        if !matches!(failure, Failure::Outage(_)) {
            return None;
        }
        if !self.parts.health.is_down(Component::Db) {
            tracing::error!(reason, "database unavailable, retrying");
        }
        Some(Outage::begin(&self.parts.health, Component::Db, reason))
    }
}

/// Some of the events of a part, with the places of their records.
struct Chunk {
    events: Arc<[SagaEvent]>,
    indexes: Vec<usize>,
}

impl Chunk {
    fn of(events: Vec<IndexedEvent>) -> Self {
        let (events, indexes): (Vec<SagaEvent>, _) = events
            .into_iter()
            .map(|IndexedEvent { index, event }| (event, index))
            .unzip();
        Self {
            events: events.into(),
            indexes,
        }
    }

    /// The events at these positions are not taken.
    fn refused(&self, positions: &[usize], why: impl Fn(&SagaEvent) -> Rejection) -> Refused {
        let refused = positions
            .iter()
            .map(|position| (self.indexes[*position], why(&self.events[*position])));
        refused.collect()
    }

    /// Many, not two: each level of splitting may take as long as a statement's timeout.
    fn parts(&self) -> Vec<Self> {
        const PARTS: usize = 16;
        let size = self.indexes.len().div_ceil(PARTS);
        let parts = self.events.chunks(size).zip(self.indexes.chunks(size));
        parts
            .map(|(events, indexes)| Self {
                events: events.into(),
                indexes: indexes.to_vec(),
            })
            .collect()
    }
}
