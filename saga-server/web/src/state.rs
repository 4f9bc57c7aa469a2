//! What every handler may ask.

use std::{sync::Arc, time::Instant};

use saga_collector::{
    dead_letters::DeadLetters,
    freshness::{Freshness, Progress},
    health::Health,
    live::Live,
    maintenance::WatchConfig,
    metrics::Metrics,
    redaction::Redaction,
    telemetry::spans,
};
use saga_store::{Removal, Store, StoreError};
use saga_types::{SagaId, Timestamp, fold::SagaState};
use tracing::Instrument;

use crate::{auth::Access, config::PagesConfig, streams::Streams};

/// Why a saga is not shown.
#[derive(Debug)]
pub(crate) enum NoSaga {
    /// It is not in the database, and never was as far as is known; while ingest lags, it may still come.
    Unknown(SagaId, Freshness),
    /// It was removed at the end of its retention.
    Removed(SagaId, Removal),
    /// The database gave no answer.
    Store(StoreError),
}

impl From<StoreError> for NoSaga {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What every handler may ask.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub store: Arc<dyn Store>,
    /// How the parts of the collector are.
    pub health: Arc<Health>,
    /// What the collector counts.
    pub metrics: Arc<Metrics>,
    /// What could not be stored.
    pub dead_letters: Arc<DeadLetters>,
    /// Who may call.
    pub access: Arc<Access>,
    /// Which values of metadata are hidden; every answer goes through it.
    pub redaction: Arc<Redaction>,
    /// How far the store is.
    pub progress: Arc<Progress>,
    /// What is late.
    pub watch: WatchConfig,
    /// What changes.
    pub live: Arc<Live>,
    /// Who has how many streams open.
    pub streams: Arc<Streams>,
    /// What the pages know of their surroundings.
    pub pages: Arc<PagesConfig>,
}

impl AppState {
    /// How fresh an answer is that is given now.
    pub(crate) fn freshness(&self) -> Freshness {
        self.progress.freshness(Timestamp::now())
    }

    /// One saga as it is now, with nothing hidden.
    pub(crate) async fn saga(&self, saga_id: &SagaId) -> Result<SagaState, NoSaga> {
        // Asked first: what comes in between makes the answer fresher than it says.
        let freshness = self.freshness();
        let found = self.ask("saga", self.store.saga(saga_id)).await?;
        self.found(saga_id, found, freshness).await
    }

    /// What was found of a saga; when nothing was, why. Everything that is asked of one saga goes through here, so that
    /// all of it says the same of a saga that was removed.
    pub(crate) async fn found<T>(
        &self,
        saga_id: &SagaId,
        found: Option<T>,
        freshness: Freshness,
    ) -> Result<T, NoSaga> {
        if let Some(found) = found {
            return Ok(found);
        }
        let removal = self.ask("removal", self.store.removal(saga_id)).await?;
        Err(match removal {
            Some(removal) => NoSaga::Removed(saga_id.clone(), removal),
            None => NoSaga::Unknown(saga_id.clone(), freshness),
        })
    }

    /// Waits for an answer of the store and counts how long it took.
    pub(crate) async fn ask<T, E>(
        &self,
        query: &'static str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let asked = Instant::now();
        let answer = answer.instrument(spans::query(query)).await;
        self.metrics.requests.query_took(query, asked.elapsed());
        answer
    }
}
