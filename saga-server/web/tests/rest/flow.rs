//! `GET /api/v1/flow`.

use serde_json::{Value, json};

use crate::harness::{Api, compensated, completed, event, failed};

const FLOW: &str = "/api/v1/flow?sagaType=ORDER_CREATION";

/// Sagas of the harness begin on this day.
const DAY: &str = "fromDate=2025-10-09&toDate=2025-10-09";

#[tokio::test]
async fn steps_and_transitions_are_those_of_the_sagas_of_the_period() {
    let api = Api::new().await;
    for (number, minute) in (0..3).zip([0, 60_000, 120_000]) {
        api.record(completed(&format!("done-{number}"), minute)).await;
    }
    api.record(failed("failed", 1_000)).await;
    api.record(compensated("next day", 86_400_000)).await;
    let answer = api.json_alone(&format!("{FLOW}&{DAY}")).await;
    assert_eq!(
        (&answer["sagaType"], &answer["serviceVersion"]),
        (&json!("ORDER_CREATION"), &Value::Null)
    );
    assert_eq!(
        answer["period"],
        json!({"from": "2025-10-09T00:00:00.000Z", "to": "2025-10-09T23:59:59.999Z"})
    );
    assert_eq!(
        answer["sample"],
        json!({"sagas": 4, "of": 4, "isAll": true, "shareError": 0.0})
    );
    let step = |name: &str| {
        let steps = answer["steps"].as_array().unwrap();
        steps.iter().find(|step| step["step"] == name).unwrap().clone()
    };
    assert_eq!(step("ORDER_CREATED")["share"], 1.0);
    let failing = step("STOCK_RESERVATION_FAILED");
    assert_eq!(
        (
            &failing["sagas"],
            &failing["share"],
            &failing["isOnPath"],
            &failing["outcome"]
        ),
        (&json!(1), &json!(0.25), &json!(false), &json!("FAILS"))
    );
    let transitions = answer["transitions"].as_array().unwrap();
    let leaves = transitions
        .iter()
        .find(|row| row["to"] == "STOCK_RESERVATION_FAILED")
        .unwrap();
    assert_eq!(
        *leaves,
        json!({
            "from": "ORDER_CREATED", "to": "STOCK_RESERVATION_FAILED", "sagas": 1, "share": 0.25,
            "outcome": "FAILS", "leavesPath": true,
            "times": {"p50Ms": 500, "p95Ms": 500, "p99Ms": 500, "p50Error": 0.0, "p95Error": 0.0},
        })
    );
    let from_start: u64 = transitions
        .iter()
        .filter(|row| row["from"].is_null())
        .map(|row| row["sagas"].as_u64().unwrap())
        .sum();
    assert_eq!(from_start, 4, "every saga starts once");
}

#[tokio::test]
async fn the_day_until_now_is_answered_when_no_period_is_given() {
    let api = Api::new().await;
    api.record(completed("long ago", 0)).await;
    let answer = api.json(FLOW).await;
    assert_eq!(
        (&answer["sample"]["sagas"], &answer["steps"]),
        (&json!(0), &json!([]))
    );
    let moment = |end: &str| {
        let text = answer["period"][end].as_str().unwrap();
        text.parse::<saga_types::Timestamp>().unwrap()
    };
    assert_eq!(moment("to").millis_since(moment("from")) + 1, 86_400_000);
}

#[tokio::test]
async fn a_version_is_a_filter_unless_it_is_hidden() {
    let api = Api::new().await;
    for (saga_id, version) in [("old", "2.7.9"), ("new", "2.8.0")] {
        let created = event(saga_id, "ORDER_CREATED", "STARTED", 0).with(json!({"serviceVersion": version}));
        api.record([created]).await;
    }
    let answer = api.json(&format!("{FLOW}&{DAY}&serviceVersion=2.8.0")).await;
    assert_eq!(
        (&answer["sample"]["sagas"], &answer["serviceVersion"]),
        (&json!(1), &json!("2.8.0"))
    );
    let api = Api::hiding(&["serviceVersion"]).await;
    let details = api.refused(&format!("{FLOW}&serviceVersion=2.8.0")).await;
    assert!(details["serviceVersion"].is_string(), "{details}");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let api = Api::new().await;
    for (query, name) in [
        ("", "sagaType"),
        ("?sagaType=%0A", "sagaType"),
        ("?sagaType=OWN&fromDate=2025-10-10&toDate=2025-10-09", "fromDate"),
        ("?sagaType=OWN&status=FAILED", "status"),
    ] {
        let details = api.refused(&format!("/api/v1/flow{query}")).await;
        assert_eq!(details.as_object().unwrap().keys().collect::<Vec<_>>(), [name]);
    }
}
