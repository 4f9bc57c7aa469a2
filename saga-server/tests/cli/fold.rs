//! `fold`.

use saga_types::Timestamp;
use serde_json::{Map, Value, json};

use crate::command::{Done, Run};

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    events: Value,
    expect: Map<String, Value>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../saga-types/tests/data/fold-cases.json")).unwrap()
}

fn states(done: &Done) -> Vec<Value> {
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

/// The cases give times in milliseconds and call the status `status`.
fn as_in_the_cases(key: &str, state: &Value) -> Value {
    match (key, state[key].as_str()) {
        ("status", _) => state["currentStatus"].clone(),
        ("startedAt" | "updatedAt" | "endedAt", Some(time)) => {
            time.parse::<Timestamp>().unwrap().as_millis().into()
        }
        _ => state[key].clone(),
    }
}

fn assert_expected(case: &Case, state: &Value) {
    for (key, expected) in &case.expect {
        assert_eq!(as_in_the_cases(key, state), *expected, "{}: {key}", case.name);
    }
}

#[test]
fn every_worked_case_gives_the_expected_state() {
    for case in cases() {
        let run = Run::new().file("events.json", &case.events.to_string());
        let states = states(&run.run("fold --events events.json"));
        assert_eq!(states.len(), 1, "{}", case.name);
        assert_expected(&case, &states[0]);
    }
}

#[test]
fn sagas_come_in_the_order_of_their_first_event() {
    let mut events = Vec::new();
    let cases = cases();
    for (index, case) in cases.iter().enumerate() {
        for event in case.events.as_array().unwrap() {
            let mut event = event.clone();
            event["sagaId"] = json!(format!("saga-{index}"));
            events.push(event);
        }
    }
    // Every other event first, so that the sagas' events are mixed; the first of each saga stays before its others.
    let mixed: Vec<&Value> = events
        .iter()
        .step_by(2)
        .chain(events.iter().skip(1).step_by(2))
        .collect();
    let mut order: Vec<&str> = Vec::new();
    for event in &mixed {
        let saga_id = event["sagaId"].as_str().unwrap();
        if !order.contains(&saga_id) {
            order.push(saga_id);
        }
    }
    let states = states(&Run::new().run_with("fold --events -", &serde_json::to_string(&mixed).unwrap()));
    let ids: Vec<&str> = states
        .iter()
        .map(|state| state["sagaId"].as_str().unwrap())
        .collect();
    assert_eq!(ids, order);
    for state in &states {
        let index: usize = state["sagaId"].as_str().unwrap()["saga-".len()..]
            .parse()
            .unwrap();
        assert_expected(&cases[index], state);
    }
}

#[test]
fn times_may_be_rfc_3339_and_no_events_give_no_states() {
    let event = json!([{
        "eventId": "e", "sagaId": "s", "sagaType": "ORDER_CREATION", "step": "ORDER_CREATED", "status": "STARTED",
        "orderId": "o", "recordedAt": "2025-10-09T17:53:20+09:00",
    }]);
    let answer = states(&Run::new().run_with("fold --events -", &event.to_string()));
    assert_eq!(answer[0]["startedAt"], "2025-10-09T08:53:20.000Z");
    assert!(states(&Run::new().run_with("fold --events -", "[]")).is_empty());
}

const LOAN: &str = "\
sagaType: LOAN_APPROVAL
startsWith: [LOAN_ASKED]
forward:
  - { step: LOAN_ASKED, service: loan-service }
  - { step: MONEY_LENT, service: account-service }
completesWith: [MONEY_LENT]
";

#[test]
fn a_definition_can_be_tried_on_recorded_events() {
    let event = json!([{
        "eventId": "e", "sagaId": "s", "sagaType": "CUSTOM", "sagaTypeName": "LOAN_APPROVAL", "step": "LOAN_ASKED",
        "status": "STARTED", "orderId": "o", "recordedAt": 0,
    }])
    .to_string();
    let run = Run::new();
    std::fs::create_dir(run.folder().join("definitions")).unwrap();
    let run = run.file("definitions/loan.yml", LOAN);
    let without = states(&run.run_with("fold --events -", &event));
    let with = states(&run.run_with("fold --events - --definitions definitions", &event));
    assert_eq!(
        (&without[0]["awaiting"], &with[0]["awaiting"][0]["step"]),
        (&json!([]), &json!("MONEY_LENT"))
    );
    assert_eq!(with[0]["sagaType"], "LOAN_APPROVAL");
}

#[test]
fn what_is_wrong_is_named_with_the_index_of_the_event() {
    let good = cases()[0].events[0].clone();
    for (key, value, words) in [
        ("status", json!("DONE"), &["event 1", "status", "DONE"][..]),
        ("sagaId", json!(""), &["event 1", "sagaId", "empty"]),
        ("eventId", json!("x".repeat(101)), &["event 1", "eventId", "101"]),
        ("step", json!("a\u{0}"), &["event 1", "step", "U+0000"]),
        ("metadata", json!([]), &["event 1", "metadata"]),
        (
            "metadata",
            json!({"a": "\u{0}"}),
            &["event 1", "metadata", "U+0000"],
        ),
        (
            "recordedAt",
            json!("yesterday"),
            &["event 1", "recordedAt", "yesterday", "RFC 3339"],
        ),
        ("recordedAt", json!(i64::MAX), &["event 1", "recordedAt", "9999"]),
        ("orderId", Value::Null, &["event 1", "orderId"]),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        let events = json!([good, bad]).to_string();
        let done = Run::new()
            .file("events.json", &events)
            .run("fold --events events.json");
        done.is_refused(2, words);
        assert!(done.stderr.contains("events.json"), "{done:?}");
    }
    let without = json!([good, good, {"eventId": "e"}]).to_string();
    Run::new()
        .run_with("fold --events -", &without)
        .is_refused(2, &["event 2", "sagaId"]);
}

#[test]
fn text_that_is_no_array_of_events_is_refused() {
    for text in [
        "",
        "{}",
        "7",
        "[",
        "[{]",
        "[] []",
        "\u{feff}[]",
        "null",
        "[1e999]",
        &"[".repeat(100_000),
    ] {
        Run::new()
            .run_with("fold --events -", text)
            .is_refused(2, &["-: "]);
    }
    Run::new()
        .run("fold --events nowhere.json")
        .is_refused(2, &["nowhere.json", "cannot be read"]);
    Run::new()
        .run("fold --events - --definitions nowhere")
        .is_refused(2, &["definitions", "nowhere"]);
}
