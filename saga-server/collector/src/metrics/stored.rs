//! What a stored batch means for the metrics.

use std::time::Duration;

use saga_types::{SagaEvent, SagaStatus, Timestamp};

use super::{Metrics, seconds};
use saga_store::{Appended, SagaChange};

pub(crate) fn append_took(metrics: &Metrics, took: Duration) {
    metrics.requests.query_took("append", took);
}

/// Counts a stored piece of a batch.
pub(crate) fn appended(metrics: &Metrics, piece: &[SagaEvent], appended: &Appended) {
    metrics.ingest.batch_size.observe(count(piece.len()));
    metrics.ingest.duplicates.inc_by(appended.duplicates as u64);
    let new = appended.new.iter().map(|index| &piece[*index]);
    count_stored(metrics, new, &appended.changes);
}

/// Counts events that were stored, wherever they came from, and how they changed their sagas.
pub fn count_stored<'a>(
    metrics: &Metrics,
    new: impl IntoIterator<Item = &'a SagaEvent>,
    changes: &[SagaChange],
) {
    let now = Timestamp::now();
    for event in new {
        metrics.sagas.event_processed(&event.step, event.status);
        observe_delay(metrics, now, event.recorded_at);
    }
    for change in changes {
        saga_changed(metrics, change);
    }
}

/// Events of long ago are replays and have nothing to do with this collector's speed.
fn observe_delay(metrics: &Metrics, now: Timestamp, recorded_at: Timestamp) {
    const ONE_HOUR_MS: i64 = 3_600_000;
    let delay_ms = now.millis_since(recorded_at);
    if (0..ONE_HOUR_MS).contains(&delay_ms) {
        metrics.ingest.end_to_end.observe(seconds(delay_ms));
    }
}

fn saga_changed(metrics: &Metrics, change: &SagaChange) {
    let status = change.state.current_status;
    if change.previous_status == Some(status) {
        return;
    }
    match status {
        SagaStatus::Failed => {
            metrics.sagas.failed.inc();
        }
        SagaStatus::Compensated => {
            metrics.sagas.compensated.inc();
            if let Some(millis) = change.compensation_ms {
                metrics.sagas.compensation_duration.observe(seconds(millis));
            }
        }
        SagaStatus::Started | SagaStatus::InProgress | SagaStatus::Completed => {}
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a batch has far fewer than 2^53 events"
)]
fn count(events: usize) -> f64 {
    events as f64
}
