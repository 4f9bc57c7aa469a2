//! A service that records what it does.

use std::sync::Arc;

use saga_sdk::{RecordError, SagaTrackerClient, SagaType, steps};

/// Takes an order, and finds that there is no stock for it.
///
/// # Errors
///
/// [`RecordError`] when the tracker refuses.
pub async fn refuse_order(tracker: &Arc<dyn SagaTrackerClient>, saga_id: &str) -> Result<(), RecordError> {
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, saga_id);
    saga.start(steps::ORDER_CREATED)
        .with("customerId", "C-17")
        .record()
        .await?;
    saga.failed(steps::STOCK_RESERVATION_FAILED, "out of stock")
        .record()
        .await
}
