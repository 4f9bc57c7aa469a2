//! The recorder as a client: what it keeps, folds, and how it fails.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use saga_sdk::{DropReason, RecordError, Saga, SagaStatus, SagaTrackerClient, SagaType, steps};
use saga_sdk_testkit::{Recorded, Recorder, expect};
use saga_types::{
    Timestamp,
    definition::{Definitions, SagaDefinition},
};

fn saga_of(recorder: &Recorder) -> Saga {
    recorder
        .client()
        .order("order-1")
        .saga(SagaType::ORDER_CREATION, "saga-1")
}

#[tokio::test]
async fn events_are_stamped_and_checked_as_by_the_real_clients() {
    let recorder = Recorder::new("order-service");
    let saga = saga_of(&recorder);
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    assert!(matches!(
        saga.start("bad step").record().await,
        Err(RecordError::Input(_))
    ));
    let events = recorder.events();
    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0].metadata.as_ref().unwrap().producer_service(),
        Some("order-service")
    );
}

#[tokio::test]
async fn the_state_is_that_of_the_servers_fold() {
    let recorder = Recorder::new("order-service");
    let saga = saga_of(&recorder);
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    saga.complete(steps::STOCK_RESERVED).record().await.unwrap();
    saga.failed(steps::PAYMENT_FAILED, "card declined")
        .record()
        .await
        .unwrap();
    let state = recorder.state_of("saga-1");
    assert_eq!(state.current_status, SagaStatus::Failed);
    assert_eq!(state.outstanding_compensations, [steps::STOCK_RESERVED]);

    saga.compensated(steps::STOCK_RELEASED).record().await.unwrap();
    recorder
        .assert_saga("saga-1")
        .is_in(SagaStatus::Compensated)
        .recorded(expect::compensated(steps::STOCK_RELEASED));
}

#[tokio::test]
async fn a_team_folds_with_its_own_definition() {
    let yaml = "{ sagaType: LOAN, startsWith: [ASKED], forward: [{ step: ASKED }, { step: LENT }], completesWith: [LENT] }";
    let mut definitions = Definitions::none();
    definitions.insert(SagaDefinition::from_yaml(yaml).unwrap());
    let recorder = Recorder::with_definitions("loan-service", definitions);
    let saga = recorder
        .client()
        .order(1)
        .saga(SagaType::new("LOAN").unwrap(), "loan-1");
    saga.start("ASKED").record().await.unwrap();
    assert_eq!(recorder.state_of("loan-1").awaiting[0].step.as_str(), "LENT");
    saga.complete("LENT").record().await.unwrap();
    assert_eq!(recorder.state_of("loan-1").current_status, SagaStatus::Completed);
}

#[tokio::test]
async fn the_n_th_call_fails_and_only_that() {
    let recorder = Recorder::new("order-service");
    let saga = saga_of(&recorder);
    recorder.fail_nth(2);
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    let error = saga
        .progress(steps::STOCK_RESERVATION)
        .record()
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        RecordError::NotSent {
            reason: DropReason::Failed,
            ..
        }
    ));
    recorder
        .client()
        .record_event(error.into_event().unwrap())
        .await
        .unwrap();
    let stats = recorder.stats();
    assert_eq!((stats.recorded, stats.acknowledged, stats.dropped()), (3, 2, 1));
}

#[tokio::test]
async fn everything_can_be_rejected_for_a_while() {
    let recorder = Recorder::new("order-service");
    let saga = saga_of(&recorder);
    recorder.reject_all(true);
    saga.start(steps::ORDER_CREATED).record().await.unwrap_err();
    recorder.assert_nothing();
    recorder.reject_all(false);
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_can_be_made_slow() {
    let recorder = Recorder::new("order-service");
    recorder.delay(Duration::from_secs(3));
    let begun = tokio::time::Instant::now();
    saga_of(&recorder)
        .start(steps::ORDER_CREATED)
        .record()
        .await
        .unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
}

#[tokio::test]
async fn after_close_it_refuses() {
    let recorder = Recorder::new("order-service");
    let _ = recorder.close(Duration::ZERO).await;
    let error = saga_of(&recorder)
        .start(steps::ORDER_CREATED)
        .record()
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        RecordError::NotSent {
            reason: DropReason::Closed,
            ..
        }
    ));
}

#[tokio::test]
async fn joined_recordings_are_checked_against_the_definition() {
    let [order, product] = ["order-service", "product-service"].map(Recorder::new);
    saga_of(&order)
        .start(steps::ORDER_CREATED)
        .record()
        .await
        .unwrap();
    saga_of(&product)
        .progress(steps::STOCK_RESERVATION)
        .record()
        .await
        .unwrap();
    saga_of(&product)
        .complete(steps::STOCK_RESERVED)
        .record()
        .await
        .unwrap();
    saga_of(&order)
        .progress(steps::STOCK_RESERVED)
        .record()
        .await
        .unwrap();
    let joined = Recorded::join([product.recorded(), order.recorded()]);
    joined.assert_follows_definition("saga-1");
    assert_eq!(joined.events()[0].step, steps::ORDER_CREATED);
    assert_eq!(
        joined.state_of("saga-1").services,
        ["order-service", "product-service"]
    );
}

#[tokio::test]
#[should_panic(expected = "saga saga-1 does not follow its definition:
  PAYMENT_COMPLETED comes before STOCK_RESERVATION
  PAYMENT_COMPLETED comes before STOCK_RESERVED
  PAYMENT_COMPLETED comes before PAYMENT_INITIALIZATION
  PAYMENT_COMPLETED comes before PAYMENT_INITIALIZED
  PAYMENT_COMPLETED is completed by order-service, and owned by payment-service
recorded:")]
async fn a_saga_that_skips_steps_does_not_follow_its_definition() {
    let recorder = Recorder::new("order-service");
    saga_of(&recorder)
        .start(steps::ORDER_CREATED)
        .record()
        .await
        .unwrap();
    saga_of(&recorder)
        .complete(steps::PAYMENT_COMPLETED)
        .record()
        .await
        .unwrap();
    recorder.recorded().assert_follows_definition("saga-1");
}

/// Two branches that join, and a choice behind them.
fn shop() -> Recorder {
    let yaml = "{ sagaType: SHOP, startsWith: [ORDERED], completesWith: [PAID_BY_CARD, PAID_BY_INVOICE], forward: [
        { step: ORDERED }, { step: RESERVED, after: [ORDERED] }, { step: CHECKED, after: [ORDERED] },
        { step: PAID_BY_CARD, choice: payment, after: [RESERVED, CHECKED] }, { step: PAID_BY_INVOICE, choice: payment }] }";
    let mut definitions = Definitions::none();
    definitions.insert(SagaDefinition::from_yaml(yaml).unwrap());
    Recorder::with_definitions("shop-service", definitions)
}

async fn recorded_by_shop(steps: &[&str]) -> Recorded {
    let recorder = shop();
    let saga = recorder
        .client()
        .order(1)
        .saga(SagaType::new("SHOP").unwrap(), "saga-1");
    for step in steps {
        saga.progress(*step).record().await.unwrap();
    }
    recorder.recorded()
}

#[tokio::test]
async fn branches_may_come_in_any_order_and_one_alternative_is_enough() {
    for steps in [
        ["ORDERED", "RESERVED", "CHECKED", "PAID_BY_CARD"],
        ["ORDERED", "CHECKED", "RESERVED", "PAID_BY_INVOICE"],
    ] {
        recorded_by_shop(&steps).await.assert_follows_definition("saga-1");
    }
}

#[tokio::test]
#[should_panic(expected = "saga saga-1 does not follow its definition:
  PAID_BY_CARD comes before RESERVED
  PAID_BY_INVOICE is an alternative of PAID_BY_CARD
recorded:")]
async fn a_missing_branch_and_a_second_alternative_are_named() {
    let steps = ["ORDERED", "CHECKED", "PAID_BY_CARD", "PAID_BY_INVOICE"];
    recorded_by_shop(&steps).await.assert_follows_definition("saga-1");
}

/// What two services recorded of the same saga, so many seconds after its start.
async fn recorded_at(definition: &str, steps: &[(usize, &str, i64)]) -> Recorded {
    let mut definitions = Definitions::none();
    definitions.insert(SagaDefinition::from_yaml(definition).unwrap());
    let services =
        ["shop-service", "stock-service"].map(|name| Recorder::with_definitions(name, definitions.clone()));
    for (service, step, second) in steps {
        let saga_type = SagaType::new("SHOP").unwrap();
        let saga = services[*service].client().order(1).saga(saga_type, "saga-1");
        let moment = Timestamp::from_millis(1_700_000_000_000 + second * 1_000).unwrap();
        saga.complete(*step).at(moment).record().await.unwrap();
    }
    Recorded::join(services.map(|service| service.recorded()))
}

/// Reserving and checking at once, then paying.
const LIMITED: &str = "{ sagaType: SHOP, startsWith: [ORDERED], completesWith: [PAID], forward: [
    { step: ORDERED }, { step: RESERVED, after: [ORDERED] }, { step: CHECKED, after: [ORDERED] },
    { step: PAID, after: [RESERVED, CHECKED] }],
    limits: { whole: 60s, steps: [{ step: RESERVED, within: 5s }, { step: PAID, within: 10s, after: CHECKED }] } }";

#[tokio::test]
async fn joined_recordings_follow_a_path_that_forks() {
    let steps = [(0, "ORDERED", 0), (1, "RESERVED", 4), (0, "CHECKED", 2)];
    let joined = recorded_at(LIMITED, &steps).await;
    joined.assert_follows_definition("saga-1");
    assert_eq!(joined.state_of("saga-1").awaiting[0].step.as_str(), "PAID");
}

#[tokio::test]
#[should_panic(expected = "saga saga-1 does not follow its definition:
  RESERVED is late: done 7s after the start, its limit is 5s
  PAID is late: done 1m 3s after CHECKED, its limit is 10s
  the saga is late: it took 1m 10s, its limit is 1m
recorded:")]
async fn what_was_done_too_late_is_named() {
    let steps = [
        (0, "ORDERED", 0),
        (1, "RESERVED", 7),
        (0, "CHECKED", 7),
        (0, "PAID", 70),
    ];
    recorded_at(LIMITED, &steps)
        .await
        .assert_follows_definition("saga-1");
}

#[tokio::test]
#[should_panic(expected = "saga saga-1 does not follow its definition:
  RESERVED is late: it was due 3s before the last event
recorded:")]
async fn a_branch_that_is_still_awaited_past_its_limit_is_late() {
    let steps = [(0, "ORDERED", 0), (0, "CHECKED", 8)];
    recorded_at(LIMITED, &steps)
        .await
        .assert_follows_definition("saga-1");
}

fn records_in_another_task(recorder: &Recorder, after: Duration) {
    let saga = recorder
        .client()
        .order("order-1")
        .saga(SagaType::ORDER_CREATION, "saga-1");
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        drop(saga.failed(steps::PAYMENT_FAILED, "card declined").record());
    });
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "expected no PAYMENT_FAILED FAILED, seen event 1")]
async fn never_within_waits_for_what_another_task_records() {
    let recorder = Recorder::new("payment-service");
    records_in_another_task(&recorder, Duration::from_millis(30));
    let failed = expect::failed(steps::PAYMENT_FAILED);
    recorder
        .never_within("saga-1", failed, Duration::from_secs(1))
        .await;
}

#[tokio::test(start_paused = true)]
async fn never_within_passes_when_the_event_comes_later() {
    let recorder = Recorder::new("payment-service");
    records_in_another_task(&recorder, Duration::from_secs(2));
    let failed = expect::failed(steps::PAYMENT_FAILED);
    recorder
        .never_within("saga-1", failed.clone(), Duration::from_secs(1))
        .await;
    recorder.eventually("saga-1", failed, Duration::MAX).await;
}
