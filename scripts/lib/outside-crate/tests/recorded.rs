//! The test kit, as a service's tests use it.

use my_service::refuse_order;
use saga_sdk::{SagaStatus, steps};
use saga_sdk_testkit::{Recorder, expect};

#[tokio::test]
async fn an_order_without_stock_is_recorded_as_failed() {
    let recorder = Recorder::new("my-service");
    refuse_order(&recorder.client(), "saga-1").await.unwrap();
    recorder
        .assert_saga("saga-1")
        .is_in(SagaStatus::Failed)
        .recorded(expect::started(steps::ORDER_CREATED).with("customerId", "C-17"))
        .then(expect::failed(steps::STOCK_RESERVATION_FAILED).because("out of stock"))
        .nothing_else();
}

#[cfg(feature = "default")]
#[tokio::test]
async fn what_is_recorded_travels_through_kafka() {
    use std::time::Duration;

    let kafka = saga_sdk_testkit::EmbeddedKafka::start();
    let tracker = saga_sdk::connect(&kafka.config("my-service")).unwrap();
    refuse_order(&tracker, "saga-1").await.unwrap();
    assert!(tracker.close(Duration::from_secs(20)).await.is_complete());
    kafka
        .read(2, Duration::from_secs(20))
        .assert_saga("saga-1")
        .is_in(SagaStatus::Failed);
}
