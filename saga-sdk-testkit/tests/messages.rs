//! What a failed assertion says: expected, seen, the nearest miss, and the timeline.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use saga_sdk::{SagaStatus, SagaTrackerClient, SagaType, Timestamp, steps};
use saga_sdk_testkit::{Recorder, expect};

/// A saga that is out of stock, at times that stay the same.
async fn out_of_stock() -> Recorder {
    let recorder = Recorder::new("order-service");
    let at = |millis: i64| Timestamp::from_millis(1_700_000_000_000 + millis).unwrap();
    let saga = recorder
        .client()
        .order("order-1")
        .saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED)
        .with("customerId", "C-17")
        .at(at(0))
        .record()
        .await
        .unwrap();
    saga.progress(steps::STOCK_RESERVATION)
        .at(at(120))
        .record()
        .await
        .unwrap();
    saga.failed(steps::STOCK_RESERVATION_FAILED, "out of stock")
        .with("retryCount", 1)
        .at(at(180))
        .record()
        .await
        .unwrap();
    recorder
}

const TIMELINE: &str = "recorded:
    1     +0 ms  ORDER_CREATED STARTED            order-service  customerId=\"C-17\"
    2   +120 ms  STOCK_RESERVATION IN_PROGRESS    order-service
    3   +180 ms  STOCK_RESERVATION_FAILED FAILED  order-service  failureReason=\"out of stock\", retryCount=1
";

fn message_of(assertion: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test]
async fn an_event_that_is_missing_is_shown_beside_the_nearest_one() {
    let recorder = out_of_stock().await;
    let message = message_of(|| {
        let expected = expect::failed(steps::STOCK_RESERVATION_FAILED)
            .because("out of stock")
            .with("retryCount", 2);
        recorder.assert_saga("saga-1").recorded(expected);
    });
    let expected = "saga saga-1
expected: STOCK_RESERVATION_FAILED FAILED with failureReason=\"out of stock\", retryCount=2
nearest:  event 3; retryCount: expected 2, seen 1
";
    assert_eq!(message, format!("{expected}{TIMELINE}"));
}

#[tokio::test]
async fn an_event_that_comes_too_early_is_shown_as_such() {
    let recorder = out_of_stock().await;
    let message = message_of(|| {
        recorder
            .assert_saga("saga-1")
            .recorded(expect::in_progress(steps::STOCK_RESERVATION))
            .then(expect::started(steps::ORDER_CREATED));
    });
    let expected = "saga saga-1
expected: ORDER_CREATED STARTED after event 2
nearest:  event 1; comes too early
";
    assert_eq!(message, format!("{expected}{TIMELINE}"));
}

#[tokio::test]
async fn an_event_answers_to_one_expectation_only() {
    let recorder = out_of_stock().await;
    let message = message_of(|| {
        let created = || expect::started(steps::ORDER_CREATED);
        recorder
            .assert_saga("saga-1")
            .recorded(created())
            .recorded(created());
    });
    assert!(
        message.contains("nearest:  event 1; is taken by an earlier expectation"),
        "{message}"
    );
}

#[tokio::test]
async fn what_was_not_expected_is_numbered() {
    let recorder = out_of_stock().await;
    let message = message_of(|| {
        recorder
            .assert_saga("saga-1")
            .recorded(expect::in_progress(steps::STOCK_RESERVATION))
            .nothing_else();
    });
    assert_eq!(
        message,
        format!("saga saga-1\nexpected nothing else, seen event 1, 3\n{TIMELINE}")
    );
    let message = message_of(|| recorder.assert_nothing());
    assert_eq!(
        message,
        TIMELINE.replace("recorded:", "expected nothing to be recorded, seen:")
    );
    let message = message_of(|| {
        recorder
            .assert_saga("saga-1")
            .never_recorded(expect::started(steps::ORDER_CREATED));
    });
    assert!(
        message.contains("expected no ORDER_CREATED STARTED, seen event 1"),
        "{message}"
    );
}

#[tokio::test]
async fn another_order_or_type_or_status_is_shown() {
    let recorder = out_of_stock().await;
    let message = message_of(|| {
        recorder.assert_saga("saga-1").of_order("order-2");
    });
    assert!(
        message.contains("expected order order-2, seen order-1 in event 1"),
        "{message}"
    );
    let message = message_of(|| {
        recorder.assert_saga("saga-1").of_type(&SagaType::REFUND);
    });
    assert!(
        message.contains("expected saga type REFUND, seen ORDER_CREATION in event 1"),
        "{message}"
    );
    let message = message_of(|| {
        recorder.assert_saga("saga-1").is_in(SagaStatus::Compensated);
    });
    assert!(
        message.contains("expected status COMPENSATED, seen FAILED: "),
        "{message}"
    );
}

#[tokio::test]
async fn a_saga_without_events_is_shown_with_those_that_have_some() {
    let recorder = out_of_stock().await;
    let message = message_of(|| {
        recorder
            .assert_saga("saga-2")
            .recorded(expect::started(steps::ORDER_CREATED));
    });
    let expected = "saga saga-2
expected: ORDER_CREATED STARTED
recorded:
  (nothing)
recorded sagas: saga-1";
    assert_eq!(message, expected);
    let message = message_of(|| _ = recorder.state_of("saga-2"));
    assert_eq!(
        message,
        "nothing was recorded for saga saga-2; recorded sagas: saga-1"
    );
}

#[tokio::test]
async fn what_does_not_come_in_time_is_shown_as_any_other() {
    let recorder = Arc::new(out_of_stock().await);
    let waiting = tokio::spawn({
        let recorder = Arc::clone(&recorder);
        async move {
            let expected = expect::failed(steps::ORDER_CANCELLED);
            recorder
                .eventually("saga-1", expected, Duration::from_millis(10))
                .await
        }
    });
    let panic = waiting.await.unwrap_err().into_panic();
    let message = panic.downcast::<String>().unwrap();
    let expected = "not within 10ms: saga saga-1
expected: ORDER_CANCELLED FAILED
nearest:  event 3; step: expected ORDER_CANCELLED, seen STOCK_RESERVATION_FAILED
";
    assert_eq!(*message, format!("{expected}{TIMELINE}"));
}

#[tokio::test]
async fn what_comes_in_time_is_found() {
    let recorder = Recorder::new("order-service");
    let saga = recorder
        .client()
        .order("order-1")
        .saga(SagaType::ORDER_CREATION, "saga-1");
    let waiting = tokio::spawn({
        let recorder = recorder.clone();
        async move {
            let expected = expect::completed(steps::ORDER_CONFIRMED);
            recorder
                .eventually("saga-1", expected, Duration::from_secs(10))
                .await
        }
    });
    tokio::task::yield_now().await;
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    saga.complete(steps::ORDER_CONFIRMED).record().await.unwrap();
    assert_eq!(waiting.await.unwrap().step, steps::ORDER_CONFIRMED);
    assert_eq!(recorder.stats().acknowledged, 2);
}
