//! The mock, for tests that expect calls.
#![cfg(feature = "mock")]

use std::sync::Arc;

use saga_sdk::{MockSagaTrackerClient, Recording, SagaStatus, SagaTrackerClient, SagaType, steps};

#[tokio::test]
async fn a_mock_stands_in_for_the_client() {
    let mut mock = MockSagaTrackerClient::new();
    mock.expect_is_enabled().return_const(true);
    mock.expect_record_step()
        .withf(|record| record.step == steps::ORDER_CREATED && record.status == SagaStatus::Started)
        .once()
        .returning(|_| Recording::done());
    let tracker: Arc<dyn SagaTrackerClient> = Arc::new(mock);
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
}
