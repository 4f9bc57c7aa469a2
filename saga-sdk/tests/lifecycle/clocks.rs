//! The synchronous mode in runtimes whose clock is missing or stands still.

use std::{sync::Arc, time::Duration};

use saga_sdk::{PublishMode, RecordError, SagaTrackerClient, SagaType, steps};

use crate::harness::Harness;

fn connect(topic: &str) -> (Harness, Arc<dyn SagaTrackerClient>) {
    let mut harness = Harness::new(topic);
    harness.config = harness.config.mode(PublishMode::Synchronous);
    let tracker = harness.connect();
    (harness, tracker)
}

async fn record(tracker: &Arc<dyn SagaTrackerClient>) -> Result<(), RecordError> {
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_end_the_wait() {
    let (_harness, tracker) = connect("paused");
    record(&tracker).await.unwrap();
}

#[test]
fn a_runtime_needs_no_timer() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (_harness, tracker) = connect("no-timer");
    runtime.block_on(record(&tracker)).unwrap();
}

#[test]
fn blocking_code_needs_no_runtime_and_has_the_deadline() {
    let (mut harness, tracker) = connect("blocking");
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().wait().unwrap();

    harness.cluster.broker_down(1).unwrap();
    harness.config.sync_timeout = Duration::from_millis(100);
    let tracker = harness.connect();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    let unconfirmed = saga.start(steps::ORDER_CREATED).record().wait();
    assert!(matches!(unconfirmed, Err(RecordError::Unconfirmed { .. })));
}

#[test]
fn a_wait_goes_on_when_the_client_is_closed_meanwhile() {
    let (harness, tracker) = connect("closed-meanwhile");
    harness.cluster.broker_down(1).unwrap();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    let recording = saga.start(steps::ORDER_CREATED).record();
    assert_eq!(tracker.close_blocking(Duration::ZERO).left, 1);
    assert!(recording.wait().is_err());
}
