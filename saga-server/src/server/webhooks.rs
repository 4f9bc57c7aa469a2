//! What webhooks need of the collector.

use std::sync::Arc;

use saga_collector::{
    freshness::Progress,
    health::Health,
    http_client::ClientError,
    metrics::Metrics,
    webhooks::{WebhookParts, Webhooks},
};
use saga_store::Store;

use crate::config::Config;

/// None when no webhook is configured.
pub(super) fn of(
    config: &Config,
    store: &Arc<dyn Store>,
    progress: &Arc<Progress>,
    metrics: &Arc<Metrics>,
    health: &Arc<Health>,
) -> Result<Option<Webhooks>, ClientError> {
    if config.webhooks.is_empty() {
        return Ok(None);
    }
    let parts = WebhookParts {
        store: store.clone(),
        progress: progress.clone(),
        metrics: metrics.clone(),
        health: health.clone(),
        redaction: config.redaction.clone(),
        owners: config.pages.owners.clone(),
        external_url: config.pages.external_url.clone(),
        compensation_overdue_after: config.watch.compensation_overdue_after,
    };
    Webhooks::new(&config.webhooks, parts).map(Some)
}
