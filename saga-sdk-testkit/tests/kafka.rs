//! The embedded Kafka, with the SDK's own client.

use std::time::Duration;

use saga_sdk::{SagaStatus, SagaType, steps};
use saga_sdk_testkit::{EmbeddedKafka, expect};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn what_services_record_is_read_as_one_saga() {
    let kafka = EmbeddedKafka::start();
    let order = saga_sdk::connect(&kafka.config("order-service")).unwrap();
    let product = saga_sdk::connect(&kafka.config("product-service")).unwrap();
    let saga = order.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    let resumed = product.resume(saga.headers()).unwrap();
    resumed
        .failed(steps::STOCK_RESERVATION_FAILED, "out of stock")
        .record()
        .await
        .unwrap();
    for tracker in [order, product] {
        assert!(tracker.close(LONG).await.is_complete());
    }

    let recorded = kafka.read(2, LONG);
    recorded
        .assert_saga("saga-1")
        .is_in(SagaStatus::Failed)
        .recorded(expect::started(steps::ORDER_CREATED).by("order-service"))
        .then(expect::failed(steps::STOCK_RESERVATION_FAILED).by("product-service"))
        .nothing_else();
}

#[tokio::test]
async fn a_service_lives_through_an_outage() {
    let kafka = EmbeddedKafka::start();
    let config = kafka
        .config("order-service")
        .property("reconnect.backoff.max.ms", "100");
    let tracker = saga_sdk::connect(&config).unwrap();
    kafka.stop_broker();
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    assert_eq!(tracker.flush(Duration::from_millis(50)).await.left, 1);
    kafka.start_broker();
    assert!(tracker.close(LONG).await.is_complete());
    assert_eq!(kafka.read(1, LONG).events().len(), 1);
}

#[tokio::test]
async fn a_refused_topic_is_refused_as_by_a_real_broker() {
    use saga_sdk::{DropReason, PublishMode, RecordError};
    let kafka = EmbeddedKafka::start();
    kafka.refuse_topic("c4ang.saga.trakcer");
    let config = kafka.config("order-service").topic("c4ang.saga.trakcer");
    let tracker = saga_sdk::connect(&config.mode(PublishMode::Synchronous)).unwrap();
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    let refused = saga.start(steps::ORDER_CREATED).record().await.unwrap_err();
    let reason = DropReason::Refused;
    assert!(
        matches!(&refused, RecordError::NotSent { reason: given, .. } if *given == reason),
        "{refused:?}"
    );
}
