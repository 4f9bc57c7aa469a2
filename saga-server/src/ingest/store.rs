//! Events to the store: split over the writers by saga, tried again while the database is away, split in halves
//! to find the one event that the database refuses.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Instant,
};

use futures_util::future::join_all;
use saga_types::SagaEvent;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{IngestParts, decode::Rejection, observe};
use crate::{
    backoff::Backoff,
    health::Component,
    store::{AppendError, Appended},
    telemetry::spans,
};

/// An event with the place of its record in the batch.
#[derive(Debug, Clone)]
pub(super) struct Indexed {
    pub(super) index: usize,
    pub(super) event: SagaEvent,
}

/// What could not be stored, and why.
type Refused = Vec<(usize, Rejection)>;

pub(super) struct StoreStage {
    parts: IngestParts,
}

impl StoreStage {
    pub(super) fn new(parts: IngestParts) -> Self {
        Self { parts }
    }

    /// Stores all events; gives those that the store does not take. `None` when asked to stop while the database is away.
    pub(super) async fn store(&self, events: Vec<Indexed>, stop: &CancellationToken) -> Option<Refused> {
        let shards = self.shards(events);
        let stored = shards.into_iter().map(|shard| self.store_shard(shard, stop));
        let refused: Option<Vec<Refused>> = join_all(stored).await.into_iter().collect();
        Some(refused?.into_iter().flatten().collect())
    }

    /// By saga, so that two writers never meet in one. A handful of events is not worth a second transaction.
    fn shards(&self, events: Vec<Indexed>) -> Vec<Vec<Indexed>> {
        const WORTH_A_WRITER: usize = 200;
        let writers = (events.len() / WORTH_A_WRITER).clamp(1, self.parts.ingest.writers.max(1));
        if writers == 1 {
            return vec![events];
        }
        let mut shards = vec![Vec::with_capacity(events.len() / writers * 2); writers];
        for event in events {
            let mut hasher = DefaultHasher::new();
            event.event.saga_id.hash(&mut hasher);
            let shard = usize::try_from(hasher.finish() % writers as u64).unwrap_or_default();
            shards[shard].push(event);
        }
        shards
    }

    /// Goes through the events in pieces, the whole first. A refused piece is halved until single events are left.
    async fn store_shard(&self, shard: Vec<Indexed>, stop: &CancellationToken) -> Option<Refused> {
        let mut refused = Refused::new();
        let mut pieces = vec![shard];
        while let Some(mut piece) = pieces.pop() {
            if piece.is_empty() {
                continue;
            }
            match self.append(&piece, stop).await? {
                Ok(appended) => {
                    observe::appended(&self.parts.metrics, &piece, &appended);
                    let conflicts = appended.conflicts.iter().map(|position| &piece[*position]);
                    refused.extend(conflicts.map(|known| (known.index, Rejection::conflict(&known.event))));
                    let late = appended.removed.iter().map(|position| &piece[*position]);
                    refused.extend(late.map(|late| (late.index, Rejection::removed(&late.event))));
                }
                Err(reason) if piece.len() == 1 => {
                    refused.push((piece[0].index, Rejection::refused(reason)));
                }
                Err(_) => {
                    // The first half is taken next, so that events keep their order.
                    let second = piece.split_off(piece.len() / 2);
                    pieces.extend([second, piece]);
                }
            }
        }
        Some(refused)
    }

    /// Tries until the database answers: with what it stored, or with the reason why it refuses.
    async fn append(&self, piece: &[Indexed], stop: &CancellationToken) -> Option<Result<Appended, String>> {
        let mut backoff = Backoff::new();
        loop {
            let events = piece.iter().map(|indexed| indexed.event.clone()).collect();
            let started = Instant::now();
            let appending = self.parts.store.append(events);
            let result = appending.instrument(spans::query("append")).await;
            observe::append_took(&self.parts.metrics, started.elapsed());
            match result {
                Ok(appended) => {
                    if self.parts.health.up(Component::Db) {
                        tracing::info!("the database takes events");
                    }
                    return Some(Ok(appended));
                }
                Err(AppendError::Refused(reason)) => return Some(Err(reason)),
                Err(AppendError::Unavailable(reason)) => {
                    self.parts.metrics.store_retries.inc();
                    if self.parts.health.down(Component::Db, reason.clone()) {
                        tracing::error!(reason, "the database is away; trying again until it is back");
                    }
                    if !backoff.wait(stop).await {
                        return None;
                    }
                }
            }
        }
    }
}
