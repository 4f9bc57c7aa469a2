//! Bad input is a typed error from the call that made it, in both modes; a disabled tracker checks ids only.
#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use saga_sdk::{
    InputError, NoOpClient, PublishMode, RecordError, SagaConfig, SagaTrackerClient, SagaType, Step, steps,
};

/// A client of each mode that has no broker to talk to: input is checked before anything is sent.
fn clients() -> Vec<Arc<dyn SagaTrackerClient>> {
    let connect = |mode| {
        let config = SagaConfig::default()
            .enabled(true)
            .bootstrap_servers("127.0.0.1:1")
            .service_name("s")
            .mode(mode);
        saga_sdk::connect(&config).unwrap()
    };
    [PublishMode::Asynchronous, PublishMode::Synchronous]
        .map(connect)
        .into()
}

fn input_error(result: Result<(), RecordError>) -> InputError {
    match result {
        Err(RecordError::Input(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bad_ids_are_refused_and_named() {
    for tracker in clients() {
        for (saga_id, order_id, expected) in [
            ("", "order-1", "sagaId is empty".to_owned()),
            ("saga-1", "", "orderId is empty".to_owned()),
            (
                &"x".repeat(101),
                "order-1",
                "sagaId has 101 characters, at most 100 are allowed".to_owned(),
            ),
            (
                "saga\n1",
                "order-1",
                "sagaId holds the control character U+000A".to_owned(),
            ),
        ] {
            let saga = tracker.order(order_id).saga(SagaType::ORDER_CREATION, saga_id);
            let error = input_error(saga.start(steps::ORDER_CREATED).with("a", 1).record().await);
            assert_eq!(error.to_string(), expected);
        }
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
        let error = input_error(saga.start(steps::ORDER_CREATED).event_id("").record().await);
        assert_eq!(error.to_string(), "eventId is empty");
        assert_eq!(tracker.stats().recorded, 0, "nothing was recorded");
    }
}

#[tokio::test]
async fn bad_steps_and_types_are_refused_and_named() {
    for tracker in clients() {
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
        for step in ["order created", "Order_Created", "ORDER-CREATED"] {
            let error = input_error(saga.start(step).record().await);
            assert_eq!(
                error.to_string(),
                format!("step is not UPPER_SNAKE_CASE: {step:?}")
            );
        }
        let from_wire = Step::from_wire("stock.reserved").unwrap();
        assert!(matches!(
            input_error(saga.start(from_wire).record().await),
            InputError::Step(_)
        ));
        let from_wire: SagaType = "loan".to_owned().try_into().unwrap();
        let saga = tracker.order("order-1").saga(from_wire, "saga-1");
        assert!(matches!(
            input_error(saga.start("STEP").record().await),
            InputError::SagaType(_)
        ));
    }
}

#[tokio::test]
async fn bad_metadata_is_refused_and_named() {
    let deep = (0..70).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    for tracker in clients() {
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
        let step = || saga.start(steps::ORDER_CREATED);
        let refused = [
            step().with("note", "x".repeat(40_000)).record(),
            step().with("note", "a\0b").record(),
            step().with("no\0te", "ab").record(),
            step().with("note", &deep).record(),
            // Within the limit, but not with what the SDK adds.
            step().with("note", "x".repeat(32 * 1024 - 20)).record(),
        ];
        for recording in refused {
            assert!(matches!(input_error(recording.await), InputError::Metadata(_)));
        }
    }
}

#[tokio::test]
async fn a_trace_that_is_none_is_refused_and_named() {
    for tracker in clients() {
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
        let step = saga.start(steps::ORDER_CREATED);
        let error = input_error(step.trace("7", "b7ad6b7169203331", true).record().await);
        assert!(error.to_string().starts_with("trace \"7\""), "{error}");
    }
}

#[tokio::test]
async fn the_helpers_of_the_trait_refuse_the_same() {
    for tracker in clients() {
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
        let context = saga.context().unwrap().clone();
        let step = || Step::from_wire("bad step").unwrap();
        for recording in [
            tracker.record_start(&context, step()),
            tracker.record_progress(&context, step()),
            tracker.record_complete(&context, step()),
            tracker.record_failure(&context, step(), "reason"),
            tracker.record_compensation(&context, step()),
        ] {
            assert!(matches!(input_error(recording.await), InputError::Step(_)));
        }
    }
}

#[tokio::test]
async fn a_disabled_tracker_checks_ids_and_reads_nothing_else() {
    let tracker: Arc<dyn SagaTrackerClient> = Arc::new(NoOpClient);
    let saga = tracker.order("").saga(SagaType::ORDER_CREATION, "");
    assert_eq!(saga.context(), None);
    let error = input_error(saga.start(steps::ORDER_CREATED).record().await);
    assert_eq!(error.to_string(), "sagaId is empty");
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start("not a step")
        .with("a", Unserializable)
        .event_id("")
        .record()
        .await
        .unwrap();
    saga.failed("not a step", Unserializable).record().await.unwrap();
}

#[derive(Debug)]
struct Unserializable;

impl std::error::Error for Unserializable {}

impl serde::Serialize for Unserializable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("a disabled tracker must not serialize")
    }
}

impl std::fmt::Display for Unserializable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a disabled tracker must not format")
    }
}
