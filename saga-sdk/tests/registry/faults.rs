//! A registry that is unavailable, slow or hostile delays events, and nothing else. On librdkafka's mock cluster.

use std::time::Duration;

use saga_sdk::{DropReason, PublishMode, RecordError, SagaType, steps};

use crate::{
    harness::{Harness, assert_in_order, record},
    stub::{Behavior, NOT_A_REGISTRY, Stub, UNKNOWN},
    support::wait_until,
};

const CLOSE: Duration = Duration::from_secs(20);
const EVENTS: usize = 500;

async fn events_wait_and_then_arrive_in_order(fault: Behavior) {
    let harness = Harness::new(fault);
    let tracker = harness.connect();
    record(&tracker, EVENTS);
    wait_until(&tracker, |_| harness.registry.requests().len() > 1);
    let stats = tracker.stats();
    assert_eq!((stats.pending, stats.acknowledged), (EVENTS as u64, 0));
    assert_eq!(
        tracker.flush(Duration::from_millis(20)).await.left,
        EVENTS as u64,
        "{fault:?}"
    );

    harness.registry.set_behavior(Behavior::Know(7));
    wait_until(&tracker, |stats| stats.acknowledged == EVENTS as u64);
    assert!(tracker.close(CLOSE).await.is_complete());
    let (sagas, ids) = harness.read(EVENTS);
    assert_in_order(&sagas, EVENTS);
    assert!(ids.iter().all(|id| *id == 7), "{ids:?}");
}

macro_rules! faults {
    ($($name:ident: $fault:expr,)+) => {$(
        #[tokio::test]
        async fn $name() {
            events_wait_and_then_arrive_in_order($fault).await;
        }
    )+};
}

faults! {
    events_wait_while_the_registry_closes_connections: Behavior::CloseConnection,
    events_wait_while_the_registry_is_slow: Behavior::Sleep,
    events_wait_while_the_registry_fails: Behavior::Status(500, "{}"),
    events_wait_while_the_registry_does_not_know_the_schema: UNKNOWN,
    events_wait_while_the_registry_finds_the_schema_incompatible: Behavior::Status(409, "{}"),
    events_wait_while_something_else_answers: NOT_A_REGISTRY,
    events_wait_while_the_registry_sends_without_end: Behavior::Flood,
    events_wait_while_the_answer_is_no_id: Behavior::Status(200, r#"{"id":-1}"#),
}

#[tokio::test]
async fn events_recorded_while_others_leave_keep_their_order() {
    let harness = Harness::new(Behavior::CloseConnection);
    let tracker = harness.connect();
    let events = 10_000;
    harness.registry.set_behavior(Behavior::Know(7));
    // The id becomes known somewhere in the middle.
    record(&tracker, events);
    assert!(tracker.close(CLOSE).await.is_complete());
    let (sagas, _) = harness.read(events);
    assert_in_order(&sagas, events);
}

#[tokio::test]
async fn what_does_not_fit_while_the_registry_is_unavailable_is_dropped_and_counted() {
    let mut harness = Harness::new(Behavior::CloseConnection);
    harness.config.buffer.max_events = 100;
    let tracker = harness.connect();
    record(&tracker, 250);
    let stats = wait_until(&tracker, |_| true);
    assert_eq!(
        (stats.pending, stats.dropped_for(DropReason::QueueFull)),
        (100, 150)
    );
    assert_eq!(tracker.close(Duration::from_millis(50)).await.left, 100);
    let stats = wait_until(&tracker, |_| true);
    assert_eq!((stats.pending, stats.dropped_for(DropReason::Closed)), (0, 100));
}

#[tokio::test]
async fn events_that_wait_too_long_for_the_schema_are_dropped_for_that_reason() {
    let mut harness = Harness::new(UNKNOWN);
    harness.config.delivery_timeout = Duration::from_millis(200);
    let tracker = harness.connect();
    record(&tracker, 5);
    let stats = wait_until(&tracker, |stats| stats.pending == 0);
    assert_eq!(stats.dropped_for(DropReason::NoSchema), 5);
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn a_synchronous_record_without_a_schema_was_definitely_not_sent() {
    let mut harness = Harness::new(Behavior::Sleep);
    harness.config = harness.config.mode(PublishMode::Synchronous);
    harness.config.sync_timeout = Duration::from_millis(200);
    let tracker = harness.connect();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    let error = saga.start(steps::ORDER_CREATED).record().await.unwrap_err();
    let RecordError::NotSent {
        reason: DropReason::NoSchema,
        event,
    } = error
    else {
        panic!("{error:?}")
    };

    harness.registry.set_behavior(Behavior::Know(7));
    // The slow request is still open; the next one is answered.
    while tracker.record_event((*event).clone()).await.is_err() {}
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn a_registry_that_returned_the_id_is_not_requested_again() {
    let harness = Harness::new(Behavior::Know(7));
    let tracker = harness.connect();
    record(&tracker, 100);
    wait_until(&tracker, |stats| stats.acknowledged == 100);
    harness.registry.set_behavior(Behavior::CloseConnection);
    record(&tracker, 100);
    wait_until(&tracker, |stats| stats.acknowledged == 200);
    assert_eq!(harness.registry.requests().len(), 1);
    assert!(tracker.close(CLOSE).await.is_complete());
}

fn request(harness: &Harness) -> String {
    let tracker = harness.connect();
    wait_until(&tracker, |_| !harness.registry.requests().is_empty());
    harness.registry.requests().remove(0)
}

#[test]
fn the_schema_is_looked_up_and_only_registered_with_auto_register() {
    let mut harness = Harness::new(Behavior::Know(7));
    let first_line = |request: String| request.lines().next().unwrap().to_owned();
    assert_eq!(
        first_line(request(&harness)),
        "POST /subjects/sagas-value HTTP/1.1"
    );
    harness.registry = Stub::new(Behavior::Know(7));
    harness.config.schema_registry.url = Some(harness.registry.url.clone());
    harness.config.schema_registry.auto_register = true;
    assert_eq!(
        first_line(request(&harness)),
        "POST /subjects/sagas-value/versions HTTP/1.1"
    );
}

#[test]
fn the_registry_gets_the_credentials_and_debug_output_does_not() {
    let mut harness = Harness::new(Behavior::Know(7));
    harness.config.schema_registry.username = Some("saga".to_owned());
    harness.config.schema_registry.password = Some("hunter2".into());
    assert!(!format!("{:?}", harness.config).contains("hunter2"));
    let request = request(&harness);
    assert!(
        request.contains("authorization: Basic c2FnYTpodW50ZXIy"),
        "{request}"
    );
}

// librdkafka takes the certificate's place only when it can do TLS itself.
#[cfg(any(feature = "ssl", feature = "ssl-vendored"))]
#[tokio::test]
async fn a_registry_with_tls_is_trusted_by_its_certificate_only() {
    let mut harness = Harness::new(Behavior::Know(7));
    let (registry, certificate) = Stub::with_tls(Behavior::Know(7));
    harness.config.schema_registry.url = Some(registry.url.clone());
    // Without it, or with another one, the password would be sent to any server.
    let (_, another) = Stub::with_tls(Behavior::Know(7));
    let file = tempfile::NamedTempFile::new().unwrap();
    harness.config.security.ca_location = Some(file.path().display().to_string());
    std::fs::write(&file, another).unwrap();
    let distrusting = harness.connect();
    record(&distrusting, 5);
    assert_eq!(distrusting.close(Duration::from_secs(1)).await.left, 5);
    assert!(registry.requests().is_empty());

    std::fs::write(&file, certificate).unwrap();
    let tracker = harness.connect();
    record(&tracker, 5);
    assert!(tracker.close(CLOSE).await.is_complete());
    assert_eq!(registry.requests().len(), 1);
}
