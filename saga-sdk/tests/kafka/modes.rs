//! The two publish modes: what a caller waits for, and what it learns.

use std::time::{Duration, Instant};

use saga_sdk::{DropReason, PublishMode, RecordError, SagaType, steps};

use crate::support::{CLOSE, Topic, event};

#[tokio::test]
async fn a_synchronous_record_is_on_the_topic_when_it_returns() {
    let topic = Topic::create().await;
    let tracker = saga_sdk::connect(&topic.config().mode(PublishMode::Synchronous)).unwrap();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    assert_eq!(tracker.stats().acknowledged, 1);
    assert_eq!(topic.read(1).len(), 1);
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn concurrent_synchronous_records_share_batches() {
    let topic = Topic::create().await;
    let tracker = saga_sdk::connect(&topic.config().mode(PublishMode::Synchronous)).unwrap();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();

    let begun = Instant::now();
    let waiting: Vec<_> = (0..2_000)
        .map(|number| {
            saga.progress(steps::STOCK_RESERVATION)
                .with("number", number)
                .record()
        })
        .collect();
    for recording in waiting {
        recording.await.unwrap();
    }
    let one_by_one = Duration::from_millis(5) * 2_000;
    assert!(begun.elapsed() < one_by_one / 2, "{:?}", begun.elapsed());
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn a_synchronous_error_says_whether_the_event_may_be_on_the_topic() {
    let topic = Topic::create_with(&[("max.message.bytes", "2000")]).await;
    let tracker = saga_sdk::connect(&topic.config().mode(PublishMode::Synchronous)).unwrap();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    let result = saga
        .start(steps::ORDER_CREATED)
        .with("big", "x".repeat(20_000))
        .record()
        .await;
    let Err(RecordError::NotSent {
        reason: DropReason::TooLarge,
        event,
    }) = result
    else {
        panic!("{result:?}")
    };
    assert_eq!(event.saga_id, "saga-1");
    assert_eq!(tracker.stats().dropped_for(DropReason::TooLarge), 1);
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn an_event_that_is_recorded_again_is_the_same_event() {
    let topic = Topic::create().await;
    // Too short for the first connection, so that the first attempt is not confirmed.
    let mut config = topic.config().mode(PublishMode::Synchronous);
    config.sync_timeout = Duration::from_millis(10);
    let short_timeout = saga_sdk::connect(&config).unwrap();
    let saga = short_timeout.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    let error = saga
        .start(steps::ORDER_CREATED)
        .with("customerId", "C-17")
        .record()
        .await
        .unwrap_err();
    assert!(matches!(error, RecordError::Unconfirmed { .. }), "{error:?}");
    let first = error.into_event().unwrap();

    let default_timeout = saga_sdk::connect(&topic.config().mode(PublishMode::Synchronous)).unwrap();
    default_timeout.record_event(first.clone()).await.unwrap();
    for record in topic.read(1) {
        assert_eq!(event(&record), first);
    }
    let _ = short_timeout.close(CLOSE).await;
    assert!(default_timeout.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_refused_within_the_timeout_and_counted() {
    let topic = Topic::create().await;
    let config = topic.config().topic("no-such-topic-of-the-saga-sdk");
    let tracker = saga_sdk::connect(&config.mode(PublishMode::Synchronous)).unwrap();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    let error = saga.start(steps::ORDER_CREATED).record().await.unwrap_err();
    assert!(
        matches!(
            error,
            RecordError::NotSent {
                reason: DropReason::Refused,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(tracker.stats().dropped_for(DropReason::Refused), 1);
    let _ = tracker.close(CLOSE).await;
}
