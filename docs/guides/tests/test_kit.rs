//! What the SDK guide shows of the test kit, word for word.

use std::{sync::Arc, time::Duration};

use saga_sdk::{RecordError, SagaStatus, SagaTrackerClient, SagaType, steps};
use saga_sdk_testkit::{Recorded, Recorder};
use saga_server::EmbeddedTracker;

/// Code under test: the order is placed, whatever becomes of its record.
async fn place_order(tracker: &Arc<dyn SagaTrackerClient>) -> Result<(), std::convert::Infallible> {
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    let recorded: Result<(), RecordError> = saga.start(steps::ORDER_CREATED).record().await;
    if let Err(error) = recorded {
        eprintln!("not recorded: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn reserved_stock_is_owed_back_after_a_failed_payment() {
    let (order, product, payment) = (
        Recorder::new("order-service"),
        Recorder::new("product-service"),
        Recorder::new("payment-service"),
    );
    let saga = order
        .client()
        .order("order-1")
        .saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    let reserving = product.client().resume(saga.headers()).unwrap();
    reserving.complete(steps::STOCK_RESERVED).record().await.unwrap();
    let paying = payment.client().resume(saga.headers()).unwrap();
    paying
        .failed(steps::PAYMENT_FAILED, "card declined")
        .record()
        .await
        .unwrap();

    // What several services recorded, as the tracker puts it together.
    let joined = Recorded::join([order.recorded(), product.recorded(), payment.recorded()]);
    let state = joined.state_of("saga-1");
    assert_eq!(state.current_status, SagaStatus::Failed);
    assert_eq!(state.outstanding_compensations, [steps::STOCK_RESERVED]);
    assert_eq!(state.awaiting[0].service.as_deref(), Some("product-service"));
}

#[tokio::test]
async fn an_order_goes_on_when_its_tracker_does_not() {
    let recorder = Recorder::new("order-service");
    recorder.reject_all(true); // also: fail_nth(2), delay(Duration::from_secs(1))
    assert!(place_order(&recorder.client()).await.is_ok());
    recorder.assert_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tracker_shows_what_was_recorded() {
    let tracker = EmbeddedTracker::start().await.unwrap();
    let client = saga_sdk::connect(&tracker.config("order-service")).unwrap();
    place_order(&client).await.unwrap();

    let state = tracker
        .eventually("saga-1", Duration::from_secs(20), |state| state.step_count == 1)
        .await;
    assert_eq!(state.last_step, steps::ORDER_CREATED);
    assert!(client.close(Duration::from_secs(20)).await.is_complete());
    tracker.stop().await.unwrap();
}
