//! The answers: REST over the store, health and metrics.

use std::sync::Arc;

use axum::Router;

use crate::{health::Health, metrics::Metrics, store::Store};

/// What every handler may ask.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub store: Arc<dyn Store>,
    /// How the parts of the collector are.
    pub health: Arc<Health>,
    /// What the collector counts.
    pub metrics: Arc<Metrics>,
}

/// Every route of the collector.
pub fn router(state: AppState) -> Router {
    Router::new().with_state(state)
}
