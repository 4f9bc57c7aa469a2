//! `GET /api/v1/differences`.

use saga_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    harness::{Api, BEGIN, Event, event},
    pages::{open, page, text},
};

fn at(millis: i64) -> String {
    Timestamp::from_millis(BEGIN + millis).unwrap().to_string()
}

/// A payment with what its event has, which fails or not.
fn payment(saga: i64, has_failed: bool, metadata: &Value) -> Vec<Event> {
    let saga_id = format!("saga-{saga}");
    let (step, status) = match has_failed {
        true => ("PAYMENT_FAILED", "FAILED"),
        false => ("ORDER_CONFIRMED", "COMPLETED"),
    };
    let took = if has_failed { 3_000 + saga } else { 500 + saga };
    vec![
        event(&saga_id, "ORDER_CREATED", "STARTED", saga * 10)
            .with(json!({"producerService": "order-service"})),
        event(&saga_id, step, status, saga * 10 + took).with(metadata.clone()),
    ]
}

/// Payments of which those by version 2.8.0 fail, whatever their customer and day.
async fn shop(hidden: &[&str]) -> Api {
    let api = Api::hiding(hidden).await;
    let mut events = Vec::new();
    for saga in 0..300 {
        let is_new = saga % 3 == 0;
        let metadata = json!({
            "producerService": "payment-service",
            "serviceVersion": if is_new { "2.8.0" } else { "2.7.0" },
            "customerId": format!("C-{saga}"),
            "cardNumber": if is_new { "4711" } else { "0815" },
            "paymentMethod": if saga / 3 % 2 == 0 { "CARD" } else { "POINTS" },
        });
        events.extend(payment(saga, is_new, &metadata));
    }
    api.record(events).await;
    api
}

fn groups(a: &str, b: &str) -> String {
    let from = at(0);
    format!("/api/v1/differences?a.{a}&a.fromDate={from}&b.{b}&b.fromDate={from}")
}

#[tokio::test]
async fn the_values_whose_shares_differ_most_come_first() {
    let api = shop(&["card*"]).await;
    let path = groups("status=FAILED", "status=COMPLETED");
    let mut answer = api.json_alone(&path).await;
    assert!(!answer.to_string().contains("4711"), "{answer}");
    // Hardly the same number on every machine.
    for name in ["durationPValue", "failureRatePValue"] {
        let p_value = answer.as_object_mut().unwrap().remove(name).unwrap();
        assert!(p_value.as_f64().unwrap() < 1e-6, "{name}");
    }
    for value in answer["values"].as_array_mut().unwrap() {
        let p_value = value.as_object_mut().unwrap().remove("pValue").unwrap();
        assert!(p_value.as_f64().unwrap() < 1e-6, "{value}");
    }
    insta::assert_json_snapshot!("differences", answer);
}

#[tokio::test]
async fn groups_between_which_nothing_differs_are_said_to() {
    let api = shop(&[]).await;
    let path = groups("minDuration=0", "maxDuration=1h");
    let answer = api.json(&path).await;
    assert_eq!((&answer["values"], &answer["different"]), (&json!([]), &json!(0)));
    assert!(
        answer["summary"].as_str().unwrap().starts_with("None of the "),
        "{answer}"
    );
    let same = api.json(&groups("status=FAILED", "status=FAILED")).await;
    assert_eq!(same["summary"], "Both groups are the same sagas.");
    let same = api.json("/api/v1/differences").await;
    assert_eq!(same["summary"], "Both groups are the same sagas.");
    let empty = api.json(&groups("status=FAILED", "orderId=nobody")).await;
    assert_eq!(empty["summary"], "The second group has no sagas.");
    // One saga.
    let one = api.json(&groups("orderId=ORD-saga-1", "status=FAILED")).await;
    assert_eq!((&one["a"]["read"], &one["different"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_group() {
    let api = Api::hiding(&["secret"]).await;
    let details = api
        .refused(
            "/api/v1/differences?a.status=BAD&b.page=1&b.metadata.secret=1&b.fromDate=never&status=FAILED",
        )
        .await;
    for name in ["a.status", "b.page", "b.metadata.secret", "b.fromDate", "status"] {
        assert!(details[name].is_string(), "{name} in {details}");
    }
}

#[tokio::test]
async fn the_rest_is_what_is_not_in_the_first_group() {
    let api = shop(&[]).await;
    let from = at(0);
    let path = |page: &str| {
        format!("{page}?a.serviceVersion=2.8.0&a.fromDate={from}&b.fromDate={from}&rest=true")
            .replace("+", "%2B")
    };
    let answer = api.json(&path("/api/v1/differences")).await;
    assert_eq!(
        (&answer["a"]["sagas"], &answer["b"]["sagas"]),
        (&json!(100), &json!(200))
    );
    assert_eq!(answer["b"]["failed"], 0);
    let all = api
        .json(&path("/api/v1/differences").replace("&rest=true", ""))
        .await;
    assert_eq!(all["b"]["sagas"], 300);
    let same = api.json("/api/v1/differences?rest=true").await;
    assert_eq!(same["summary"], "The first group has no sagas.");
    let details = api.refused("/api/v1/differences?rest=perhaps").await;
    assert!(details["rest"].is_string(), "{details}");
    let shown = page(&api, &path("/differences")).await;
    for part in [
        "without the first group",
        "payment-service 2.8.0",
        "producerService=payment-service",
        r#"aria-current="page">all other sagas<"#,
        "differs by more than chance explains",
        "data-copy-address",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[tokio::test]
async fn the_page_says_what_it_needs_and_what_is_wrong() {
    let api = shop(&["card*"]).await;
    let empty = text(&page(&api, "/differences").await);
    assert!(empty.contains("Choose two groups"), "{empty}");
    let path = groups("status=FAILED", "status=COMPLETED").replace("/api/v1", "");
    let shown = page(&api, &path).await;
    assert!(!shown.contains("4711"), "{shown}");
    assert!(text(&shown).contains("Values whose shares differ"), "{shown}");
    let refused = open(&api, "/differences?a.status=BAD").await;
    assert_eq!(refused.status.as_u16(), 400);
    assert!(text(&refused.text).contains("a.status"), "{}", refused.text);
    let hidden = open(&api, "/differences?a.metadata.cardNumber=4711").await;
    assert_eq!(hidden.status.as_u16(), 400);
}

#[tokio::test]
async fn lists_and_failures_lead_to_what_differs() {
    let api = shop(&[]).await;
    let from = at(0);
    let list = page(
        &api,
        &format!("/sagas?status=FAILED&fromDate={from}&toDate={}", at(60_000)),
    )
    .await;
    assert!(
        list.contains("/differences?a.fromDate=") && list.contains("the period before"),
        "{list}"
    );
    let plain = page(&api, "/sagas").await;
    assert!(!plain.contains("/differences"), "{plain}");
    let overview = page(&api, &format!("/?fromDate={from}&toDate={}", at(60_000))).await;
    assert!(
        overview.contains("/differences?a.failureGroup=") && overview.contains("rest=true"),
        "{overview}"
    );
}
