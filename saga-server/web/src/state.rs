//! What every handler may ask.

use std::{sync::Arc, time::Instant};

use saga_collector::{
    dead_letters::DeadLetters,
    freshness::{Freshness, Progress},
    health::Health,
    live::Live,
    maintenance::WatchConfig,
    metrics::{Metrics, QueryLabel},
    redaction::Redaction,
    telemetry::spans,
};
use saga_store::Store;
use saga_types::{Timestamp, definition::Definitions};
use tracing::Instrument;

use crate::{auth::Access, config::PagesConfig};

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
    /// What of the metadata nobody is shown; every answer goes through it.
    pub redaction: Arc<Redaction>,
    /// How far the store is.
    pub progress: Arc<Progress>,
    /// The definitions in force.
    pub definitions: Arc<Definitions>,
    /// What is late.
    pub watch: WatchConfig,
    /// What changes.
    pub live: Arc<Live>,
    /// What the pages know of their surroundings.
    pub pages: Arc<PagesConfig>,
}

impl AppState {
    /// How fresh an answer is that is given now.
    pub(crate) fn freshness(&self) -> Freshness {
        self.progress.freshness(Timestamp::now())
    }

    /// Waits for an answer of the store and counts how long it took.
    pub(crate) async fn ask<T, E>(
        &self,
        query: &'static str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let asked = Instant::now();
        let answer = answer.instrument(spans::query(query)).await;
        self.metrics
            .db_query
            .get_or_create(&QueryLabel { query })
            .observe(asked.elapsed().as_secs_f64());
        answer
    }
}
