//! The client of a disabled tracker.

use std::time::Duration;

use async_trait::async_trait;
use saga_types::SagaEvent;

use crate::{FlushReport, Recording, SagaTrackerClient, Stats, StepRecord};

/// Takes everything and does nothing: no Kafka, no threads, no memory.
///
/// ```
/// use std::sync::Arc;
/// use saga_sdk::{NoOpClient, SagaTrackerClient, SagaType, steps};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let tracker: Arc<dyn SagaTrackerClient> = Arc::new(NoOpClient);
/// assert!(!tracker.is_enabled());
/// tracker.order("order-1").saga(SagaType::REFUND, "saga-1").start(steps::PAYMENT_REFUNDED).record().await
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOpClient;

#[async_trait]
impl SagaTrackerClient for NoOpClient {
    fn is_enabled(&self) -> bool {
        false
    }

    fn record_step(&self, _record: StepRecord) -> Recording {
        Recording::done()
    }

    fn record_event(&self, _event: SagaEvent) -> Recording {
        Recording::done()
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    async fn flush(&self, _timeout: Duration) -> FlushReport {
        FlushReport::default()
    }

    async fn close(&self, _timeout: Duration) -> FlushReport {
        FlushReport::default()
    }
}
