//! What every handler may ask.

use std::{sync::Arc, time::Instant};

use axum::extract::FromRef;
use saga_collector::{
    freshness::{Freshness, Progress},
    health::Health,
    maintenance::WatchConfig,
    metrics::Metrics,
    redaction::Redaction,
    telemetry::spans,
};
use saga_gateway::Gateway;
use saga_types::Timestamp;
use tracing::Instrument;

use crate::{auth::Access, config::PagesConfig, scoped::Sources, streams::Streams};

/// What every handler may ask.
#[derive(Clone)]
pub struct AppState {
    /// What is read and changed; a handler reaches it through a `scoped::Reader`, which its caller's rights narrow.
    pub sources: Sources,
    /// How the parts of the collector are.
    pub health: Arc<Health>,
    /// What the collector counts.
    pub metrics: Arc<Metrics>,
    /// Who may call.
    pub access: Arc<Access>,
    /// Which values of metadata are hidden; every answer goes through it.
    pub redaction: Arc<Redaction>,
    /// How far the store is.
    pub progress: Arc<Progress>,
    /// What is late.
    pub watch: WatchConfig,
    /// Who has how many streams open.
    pub streams: Arc<Streams>,
    /// What the pages know of their surroundings.
    pub pages: Arc<PagesConfig>,
    /// Takes events over HTTP.
    pub gateway: Arc<Gateway>,
}

/// What the handlers of a gateway that runs alone may ask: no data.
#[derive(Clone)]
pub struct GatewayState {
    /// Whether the broker takes events.
    pub health: Arc<Health>,
    /// What the gateway counts.
    pub metrics: Arc<Metrics>,
    /// Who may call.
    pub access: Arc<Access>,
    /// Takes events over HTTP.
    pub gateway: Arc<Gateway>,
}

macro_rules! shared_parts {
    ($($field:ident: $part:ty),+) => {$(
        impl FromRef<AppState> for Arc<$part> {
            fn from_ref(state: &AppState) -> Self {
                state.$field.clone()
            }
        }

        impl FromRef<GatewayState> for Arc<$part> {
            fn from_ref(state: &GatewayState) -> Self {
                state.$field.clone()
            }
        }
    )+};
}

shared_parts!(health: Health, metrics: Metrics, access: Access, gateway: Gateway);

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
        let answer = answer
            .instrument(spans::query(self.sources.system(), query))
            .await;
        self.metrics.requests.query_took(query, asked.elapsed());
        answer
    }
}
