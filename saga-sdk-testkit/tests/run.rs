//! Steps that are run, and sagas that go on in another service: the SDK's own helpers, seen by the recorder.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use saga_sdk::{
    NoOpClient, Saga, SagaTrackerClient, SagaTrackerClientExt as _, SagaType, Step, StepName, step, steps,
};
use saga_sdk_testkit::{Recorder, expect};

fn harness() -> (Recorder, Saga) {
    let recorder = Recorder::new("product-service");
    let saga = recorder
        .client()
        .order("order-1")
        .saga(SagaType::ORDER_CREATION, "saga-1");
    (recorder, saga)
}

#[tokio::test]
async fn a_step_that_succeeds_is_recorded_as_under_way_and_done() {
    let (recorder, saga) = harness();
    let result: Result<u32, String> = saga
        .run(steps::STOCK_RESERVATION)
        .completed_as(steps::STOCK_RESERVED)
        .with("itemCount", 3)
        .of(async { Ok(7) })
        .await;
    assert_eq!(result, Ok(7));
    recorder
        .assert_saga("saga-1")
        .recorded(expect::in_progress(steps::STOCK_RESERVATION).with("itemCount", 3))
        .then(expect::completed(steps::STOCK_RESERVED).with("itemCount", 3))
        .nothing_else();
    let metadata = recorder.events()[1].metadata.as_ref().unwrap().to_object();
    assert!(metadata["durationMs"].as_u64().unwrap() < 10_000);
}

#[tokio::test]
async fn a_step_that_fails_is_recorded_with_its_reason() {
    let (recorder, saga) = harness();
    let result: Result<u32, String> = saga
        .run(steps::STOCK_RESERVATION)
        .failed_as(steps::STOCK_RESERVATION_FAILED)
        .of(async { Err("out of stock".to_owned()) })
        .await;
    assert_eq!(result, Err("out of stock".to_owned()));
    recorder
        .assert_saga("saga-1")
        .recorded(expect::in_progress(steps::STOCK_RESERVATION))
        .then(expect::failed(steps::STOCK_RESERVATION_FAILED).because("out of stock"))
        .nothing_else();
}

/// As of many services: an error that holds its causes.
async fn charge() -> anyhow::Result<()> {
    Err(anyhow::anyhow!("connection refused").context("charging"))
}

#[tokio::test]
async fn a_failure_names_the_causes_of_its_error() {
    let (recorder, saga) = harness();
    let error = saga
        .run(steps::PAYMENT_COMPLETED)
        .failed_as(steps::PAYMENT_FAILED)
        .of(charge())
        .await
        .unwrap_err();
    saga.failed(steps::PAYMENT_CANCELLED, &error)
        .record()
        .await
        .unwrap();
    let expected = |step: Step| expect::failed(step).because("charging: connection refused");
    recorder
        .assert_saga("saga-1")
        .recorded(expected(steps::PAYMENT_FAILED))
        .then(expected(steps::PAYMENT_CANCELLED));
}

#[tokio::test]
async fn a_step_happened_at_a_moment_of_the_system() {
    const POINTS_GRANTED: StepName = step!("POINTS_GRANTED");
    let recorder = Recorder::new("product-service");
    let saga = recorder.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000);
    saga.start(POINTS_GRANTED).at(moment).record().await.unwrap();
    assert_eq!(recorder.events()[0].recorded_at.as_millis(), 1_700_000_000_000);
    recorder
        .assert_saga("saga-1")
        .recorded(expect::started(POINTS_GRANTED));

    let never = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 10_000);
    let error = saga.start(POINTS_GRANTED).at(never).record().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid input: recordedAt 315360000000000 ms since 1970 is not within the years 1 to 9999"
    );
}

#[tokio::test]
async fn a_step_that_panics_is_recorded_as_failed_and_goes_on_panicking() {
    let (recorder, saga) = harness();
    let running = tokio::spawn(async move {
        let step = async { panic!("no such shelf") };
        let _: Result<(), String> = saga.run(steps::STOCK_RESERVATION).of(step).await;
    });
    let panic = running.await.unwrap_err().into_panic();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "no such shelf");
    recorder
        .assert_saga("saga-1")
        .recorded(expect::failed(steps::STOCK_RESERVATION).because("panicked: no such shelf"));
}

#[tokio::test]
async fn a_step_that_is_cancelled_is_recorded_as_failed() {
    let (recorder, saga) = harness();
    let step = saga
        .run(steps::STOCK_RESERVATION)
        .of(std::future::pending::<Result<(), String>>());
    tokio::time::timeout(Duration::from_millis(10), step)
        .await
        .unwrap_err();
    recorder
        .assert_saga("saga-1")
        .recorded(expect::in_progress(steps::STOCK_RESERVATION))
        .then(expect::failed(steps::STOCK_RESERVATION).because("cancelled"))
        .nothing_else();
}

#[tokio::test]
async fn a_step_is_run_whether_or_not_it_can_be_recorded() {
    let (recorder, saga) = harness();
    recorder.reject_all(true);
    let result: Result<u32, String> = saga.run(steps::STOCK_RESERVATION).of(async { Ok(7) }).await;
    assert_eq!(result, Ok(7));
    recorder.reject_all(false);
    let result: Result<u32, String> = saga.run("not a step").of(async { Ok(7) }).await;
    assert_eq!(result, Ok(7));
    recorder.assert_nothing();

    let off: Arc<dyn SagaTrackerClient> = Arc::new(NoOpClient);
    let saga = off.order("").saga(SagaType::ORDER_CREATION, "");
    let result: Result<u32, String> = saga.run("not a step").of(async { Ok(7) }).await;
    assert_eq!(result, Ok(7));
}

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_saga_goes_on_in_the_next_service_with_its_trace() {
    let (_, saga) = harness();
    let mut headers: HashMap<String, String> = saga
        .headers()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    headers.insert("traceparent".to_owned(), TRACEPARENT.to_owned());

    let recorder = Recorder::new("payment-service");
    let resumed = recorder.client().resume(&headers).unwrap();
    assert_eq!(resumed.context(), saga.context());
    resumed
        .progress(steps::PAYMENT_INITIALIZATION)
        .record()
        .await
        .unwrap();
    recorder.assert_saga("saga-1").of_order("order-1").recorded(
        expect::in_progress(steps::PAYMENT_INITIALIZATION)
            .with("traceId", "0af7651916cd43dd8448eb211c80319c")
            .with("spanId", "b7ad6b7169203331"),
    );
    assert!(
        resumed
            .headers()
            .contains(&("traceparent", TRACEPARENT.to_owned())),
        "and from there to the next"
    );
}

#[derive(Debug)]
struct Charging(std::io::Error);

impl std::fmt::Display for Charging {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("charging failed")
    }
}

impl std::error::Error for Charging {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn the_causes_of_an_error_are_part_of_the_reason() {
    let (recorder, saga) = harness();
    let step = async { Err::<(), _>(Charging(std::io::Error::other("connection refused"))) };
    assert!(saga.run(steps::PAYMENT_COMPLETED).of(step).await.is_err());
    let failed = expect::failed(steps::PAYMENT_COMPLETED);
    recorder
        .assert_saga("saga-1")
        .recorded(failed.because("charging failed: connection refused"));
}

#[tokio::test]
async fn a_child_names_its_parent_in_the_next_service_too() {
    let (recorder, saga) = harness();
    let refund = saga.child(SagaType::REFUND, "saga-2");
    let trace = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let step = refund
        .start(steps::PAYMENT_REFUNDED)
        .trace(trace.0, trace.1, false);
    step.duration(Duration::from_millis(1_500))
        .record()
        .await
        .unwrap();
    let resumed = recorder.client().resume(refund.headers()).unwrap();
    resumed.complete(steps::PAYMENT_REFUNDED).record().await.unwrap();
    recorder
        .assert_saga("saga-2")
        .of_order("order-1")
        .recorded(
            expect::started(steps::PAYMENT_REFUNDED)
                .with("parentSagaId", "saga-1")
                .with("durationMs", 1_500)
                .with("traceId", trace.0)
                .with("traceFlags", "00"),
        )
        .then(expect::completed(steps::PAYMENT_REFUNDED).with("parentSagaId", "saga-1"))
        .nothing_else();
}
