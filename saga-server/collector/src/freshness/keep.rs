//! Between this collector's knowledge and the database's, once a second.

use std::{sync::Arc, time::Duration};

use saga_types::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Progress;
use crate::metrics::{Metrics, seconds};
use saga_store::{Store, StoreError};

const INTERVAL: Duration = Duration::from_secs(1);

/// Stores the progress of our partitions, and reads that of the others, until it is stopped. While the database is
/// away the knowledge of the others grows old, which answers then say.
pub async fn keep(
    topic: String,
    progress: Arc<Progress>,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        if let Err(error) = exchange(&topic, &progress, store.as_ref()).await {
            // Health says it to the operator.
            tracing::debug!(%error, "progress of partitions not exchanged, retrying");
        }
        let now = Timestamp::now();
        if let Some(as_of) = progress.freshness(now).as_of {
            metrics.ingest.behind.set(seconds(now.millis_since(as_of)));
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn exchange(topic: &str, progress: &Progress, store: &dyn Store) -> Result<(), StoreError> {
    let own = progress.own();
    if !own.is_empty() {
        store.keep_progress(topic, &own).await?;
    }
    progress.load(store.progress(topic).await?);
    Ok(())
}
