//! Whether ingest works: by offsets that move.
//!
//! Rule of thumb: this task alone sets the health of ingest. It asks no other system, and so it also reports stalls of unknown
//! cause.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use saga_types::Timestamp;
use tokio_util::sync::CancellationToken;

use super::IngestParts;
use crate::{
    health::Component,
    kafka::status::{ConsumerStatus, Verdict},
};

/// The interval in which offsets are checked, beside each report.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sets the health of ingest until cancelled.
pub(super) async fn watch(parts: IngestParts, status: Arc<ConsumerStatus>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match status.verdict(parts.progress.stalled(Timestamp::now()), Instant::now()) {
            Verdict::Healthy => {
                parts.metrics.ingest.stalled.set(0);
                if parts.health.up(Component::Ingest) {
                    tracing::info!("ingest works");
                }
            }
            Verdict::Unhealthy(reason) => {
                parts.metrics.ingest.stalled.set(1);
                if parts.health.down(Component::Ingest, reason.clone()) {
                    tracing::error!(reason, "ingest does not work");
                }
            }
            Verdict::Unchanged => {}
        }
        tokio::select! {
            () = status.changed() => {}
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}
