//! The worked cases of the contract.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use saga_types::{SagaEvent, SagaStatus, definition::Definitions, fold};
use serde_json::Value;

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    events: Vec<SagaEvent>,
    expect: serde_json::Map<String, Value>,
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/fold-cases.json")).unwrap();
    assert_eq!(cases.len(), 22, "all cases of the contract");
    cases
}

/// The cases give times in milliseconds and call the status `status`.
fn as_in_the_cases(key: &str, state: &Value) -> Value {
    match key {
        "status" => state["currentStatus"].clone(),
        "startedAt" | "updatedAt" | "endedAt" => match state[key].as_str() {
            Some(time) => time.parse::<saga_types::Timestamp>().unwrap().as_millis().into(),
            None => Value::Null,
        },
        _ => state[key].clone(),
    }
}

#[test]
fn every_worked_case_gives_the_expected_state() {
    for case in cases() {
        let state = fold::fold(&case.events, &Definitions::built_in()).unwrap();
        let state = serde_json::to_value(state).unwrap();
        for (key, expected) in &case.expect {
            assert_eq!(as_in_the_cases(key, &state), *expected, "{}: {key}", case.name);
        }
    }
}

#[test]
fn no_events_give_no_state() {
    assert_eq!(fold::fold([], &Definitions::built_in()), None);
}

fn state_of(case: &str) -> fold::SagaState {
    let case = cases()
        .into_iter()
        .find(|candidate| candidate.name == case)
        .unwrap();
    fold::fold(&case.events, &Definitions::built_in()).unwrap()
}

#[test]
fn a_started_order_awaits_the_reservation_within_the_limit_of_the_step_it_holds_up() {
    let state = state_of("only started");
    let [awaiting] = state.awaiting.as_slice() else {
        panic!("{:?}", state.awaiting)
    };
    assert_eq!(awaiting.step.as_str(), "STOCK_RESERVATION");
    assert_eq!(awaiting.service.as_deref(), Some("product-service"));
    assert_eq!(awaiting.since, state.started_at);
    assert_eq!(
        awaiting.deadline.unwrap().millis_since(state.started_at),
        3 * 60_000
    );
    assert_eq!(
        state.summary,
        "At ORDER_CREATED since 2023-11-14T22:13:20.000Z. Waiting for STOCK_RESERVATION from product-service since \
         2023-11-14T22:13:20.000Z, due by 2023-11-14T22:16:20.000Z."
    );
}

#[test]
fn a_failed_order_says_what_is_owed_by_whom_since_when() {
    let state = state_of("payment refused, stock not yet released");
    let [awaiting] = state.awaiting.as_slice() else {
        panic!("{:?}", state.awaiting)
    };
    assert_eq!(awaiting.step.as_str(), "STOCK_RELEASED");
    assert_eq!(awaiting.service.as_deref(), Some("product-service"));
    assert_eq!(awaiting.deadline, None);
    assert_eq!(
        state.summary,
        "Failed at PAYMENT_FAILED (CARD_DECLINED), 2023-11-14T22:13:20.800Z. Not yet compensated: STOCK_RESERVED, by \
         STOCK_RELEASED from product-service since 2023-11-14T22:13:20.800Z."
    );
}

#[test]
fn an_ended_order_awaits_nothing() {
    for case in [
        "success",
        "payment refused, stock released, order cancelled last",
        "timeout",
    ] {
        assert!(state_of(case).awaiting.is_empty(), "{case}");
    }
    assert_eq!(
        state_of("success").summary,
        "Completed at 2023-11-14T22:13:21.000Z, after 1 s."
    );
}

#[test]
fn an_undone_order_says_what_had_failed_and_when_it_was_undone() {
    assert_eq!(
        state_of("payment refused, stock released, order cancelled last").summary,
        "Failed at PAYMENT_FAILED (CARD_DECLINED); fully compensated at 2023-11-14T22:13:20.860Z, after 860 ms."
    );
}

#[test]
fn a_status_set_by_hand_to_in_progress_reopens_the_saga() {
    let mut case = cases()
        .into_iter()
        .find(|case| case.name == "override after failure")
        .unwrap();
    case.events.last_mut().unwrap().status = SagaStatus::InProgress;
    let state = fold::fold(&case.events, &Definitions::built_in()).unwrap();
    assert_eq!(state.current_status, SagaStatus::InProgress);
    assert_eq!((state.ended_at, state.failed_step), (None, None));
    assert_eq!(state.awaiting[0].step.as_str(), "PAYMENT_COMPLETED");
}
