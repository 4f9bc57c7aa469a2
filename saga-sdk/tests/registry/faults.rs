//! A registry that is away, slow or hostile delays events, and nothing else. On librdkafka's mock cluster.

use std::time::Duration;

use saga_sdk::{DropReason, PublishMode, RecordError, SagaType, steps};

use crate::{
    stage::{Stage, assert_in_order, record},
    stub::{Does, NONSENSE, Stub, UNKNOWN},
    support::wait_until,
};

const CLOSE: Duration = Duration::from_secs(20);
const EVENTS: usize = 500;

async fn events_wait_and_then_arrive_in_order(fault: Does) {
    let stage = Stage::new(fault);
    let tracker = stage.connect();
    record(&tracker, EVENTS);
    wait_until(&tracker, |_| stage.registry.questions().len() > 1);
    let stats = tracker.stats();
    assert_eq!((stats.pending, stats.acknowledged), (EVENTS as u64, 0));
    assert_eq!(
        tracker.flush(Duration::from_millis(20)).await.left,
        EVENTS as u64,
        "{fault:?}"
    );

    stage.registry.does(Does::Know(7));
    wait_until(&tracker, |stats| stats.acknowledged == EVENTS as u64);
    assert!(tracker.close(CLOSE).await.is_complete());
    let (sagas, ids) = stage.read(EVENTS);
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
    events_wait_while_the_registry_hangs_up: Does::HangUp,
    events_wait_while_the_registry_is_slow: Does::Sleep,
    events_wait_while_the_registry_has_trouble: Does::Status(500, "{}"),
    events_wait_while_the_registry_does_not_know_the_schema: UNKNOWN,
    events_wait_while_the_registry_finds_the_schema_incompatible: Does::Status(409, "{}"),
    events_wait_while_something_else_answers: NONSENSE,
    events_wait_while_the_registry_sends_without_end: Does::Flood,
    events_wait_while_the_answer_is_no_id: Does::Status(200, r#"{"id":-1}"#),
}

#[tokio::test]
async fn events_recorded_while_others_leave_keep_their_order() {
    let stage = Stage::new(Does::HangUp);
    let tracker = stage.connect();
    let events = 10_000;
    stage.registry.does(Does::Know(7));
    // The id becomes known somewhere in the middle.
    record(&tracker, events);
    assert!(tracker.close(CLOSE).await.is_complete());
    let (sagas, _) = stage.read(events);
    assert_in_order(&sagas, events);
}

#[tokio::test]
async fn what_does_not_fit_while_the_registry_is_away_is_dropped_and_counted() {
    let mut stage = Stage::new(Does::HangUp);
    stage.config.buffer.max_events = 100;
    let tracker = stage.connect();
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
    let mut stage = Stage::new(UNKNOWN);
    stage.config.delivery_timeout = Duration::from_millis(200);
    let tracker = stage.connect();
    record(&tracker, 5);
    let stats = wait_until(&tracker, |stats| stats.pending == 0);
    assert_eq!(stats.dropped_for(DropReason::NoSchema), 5);
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn a_synchronous_record_without_a_schema_was_surely_not_sent() {
    let mut stage = Stage::new(Does::Sleep);
    stage.config = stage.config.mode(PublishMode::Synchronous);
    stage.config.sync_timeout = Duration::from_millis(200);
    let tracker = stage.connect();
    let saga = tracker.saga(SagaType::ORDER_CREATION, "saga-1", 1);
    let error = saga.start(steps::ORDER_CREATED).record().await.unwrap_err();
    let RecordError::NotSent {
        reason: DropReason::NoSchema,
        event,
    } = error
    else {
        panic!("{error:?}")
    };

    stage.registry.does(Does::Know(7));
    // The slow question is still open; the next one is answered.
    while tracker.record_event((*event).clone()).await.is_err() {}
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn a_registry_that_answered_is_not_asked_again() {
    let stage = Stage::new(Does::Know(7));
    let tracker = stage.connect();
    record(&tracker, 100);
    wait_until(&tracker, |stats| stats.acknowledged == 100);
    stage.registry.does(Does::HangUp);
    record(&tracker, 100);
    wait_until(&tracker, |stats| stats.acknowledged == 200);
    assert_eq!(stage.registry.questions().len(), 1);
    assert!(tracker.close(CLOSE).await.is_complete());
}

fn question(stage: &Stage) -> String {
    let tracker = stage.connect();
    wait_until(&tracker, |_| !stage.registry.questions().is_empty());
    stage.registry.questions().remove(0)
}

#[test]
fn the_schema_is_looked_up_and_only_registered_when_told() {
    let mut stage = Stage::new(Does::Know(7));
    let first_line = |question: String| question.lines().next().unwrap().to_owned();
    assert_eq!(
        first_line(question(&stage)),
        "POST /subjects/sagas-value HTTP/1.1"
    );
    stage.registry = Stub::new(Does::Know(7));
    stage.config.schema_registry.url = Some(stage.registry.url.clone());
    stage.config.schema_registry.auto_register = true;
    assert_eq!(
        first_line(question(&stage)),
        "POST /subjects/sagas-value/versions HTTP/1.1"
    );
}

#[test]
fn the_user_is_named_to_the_registry_and_the_password_shown_to_nobody() {
    let mut stage = Stage::new(Does::Know(7));
    stage.config.schema_registry.username = Some("saga".to_owned());
    stage.config.schema_registry.password = Some("hunter2".into());
    assert!(!format!("{:?}", stage.config).contains("hunter2"));
    let question = question(&stage);
    assert!(
        question.contains("authorization: Basic c2FnYTpodW50ZXIy"),
        "{question}"
    );
}

// librdkafka takes the certificate's place only when it can do TLS itself.
#[cfg(any(feature = "ssl", feature = "ssl-vendored"))]
#[tokio::test]
async fn a_registry_with_tls_is_trusted_by_its_certificate_only() {
    let mut stage = Stage::new(Does::Know(7));
    let (registry, certificate) = Stub::with_tls(Does::Know(7));
    stage.config.schema_registry.url = Some(registry.url.clone());
    // Without it, or with that of somebody else, the password would go to whoever answers.
    let (_, another) = Stub::with_tls(Does::Know(7));
    let file = tempfile::NamedTempFile::new().unwrap();
    stage.config.security.ca_location = Some(file.path().display().to_string());
    std::fs::write(&file, another).unwrap();
    let wary = stage.connect();
    record(&wary, 5);
    assert_eq!(wary.close(Duration::from_secs(1)).await.left, 5);
    assert!(registry.questions().is_empty());

    std::fs::write(&file, certificate).unwrap();
    let tracker = stage.connect();
    record(&tracker, 5);
    assert!(tracker.close(CLOSE).await.is_complete());
    assert_eq!(registry.questions().len(), 1);
}
