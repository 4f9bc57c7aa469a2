//! `PATCH /internal/v1/sagas/{sagaId}/status`.

mod from_topic;

use std::sync::Arc;

use reqwest::Method;
use saga_types::{SagaEvent, Timestamp, definition::Definitions, fold};
use serde_json::{Value, json};

use crate::harness::{Answer, Api, compensated, completed, event, failed};

const SAGA: &str = "/api/v1/sagas/saga-1";
const STATUS: &str = "/internal/v1/sagas/saga-1/status";
const JSON: (&str, &str) = ("content-type", "application/json");

async fn patch(api: &Api, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    api.request_with(Method::PATCH, STATUS, headers, body.into())
        .await
}

async fn correct(api: &Api, status: &str, reason: &str) -> Answer {
    patch(
        api,
        &[JSON],
        json!({"status": status, "reason": reason}).to_string(),
    )
    .await
}

async fn overrides(api: &Api) -> Vec<Value> {
    let steps = api.json(&format!("{SAGA}/steps")).await;
    let steps = steps["steps"].as_array().unwrap().clone();
    let is_override = |step: &Value| step["step"] == "MANUAL_STATUS_OVERRIDE";
    steps.into_iter().filter(is_override).collect()
}

#[tokio::test]
async fn a_corrected_status_is_an_event_that_names_actor_and_reason() {
    let api = Api::with_tokens().await;
    api.record(failed("saga-1", 0)).await;
    let headers = [JSON, ("authorization", "Bearer dana's")];
    let body = r#"{"status":"COMPENSATED","reason":"refunded by hand, 주문 1"}"#;
    let answer = patch(&api, &headers, body).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(
        answer,
        json!({"sagaId": "saga-1", "previousStatus": "FAILED", "currentStatus": "COMPENSATED",
            "updatedAt": answer["updatedAt"]})
    );
    let page = api.store.steps("saga-1", None, 10).await.unwrap().unwrap();
    let last = page.steps.last().unwrap();
    assert_eq!(
        (page.steps.len(), last.step.as_str()),
        (3, "MANUAL_STATUS_OVERRIDE")
    );
    assert_eq!(answer["updatedAt"], last.recorded_at.to_string());
    assert_eq!(
        Value::Object(last.metadata.as_ref().unwrap().to_object()),
        json!({"actor": "dana", "correctedVia": "REST", "reason": "refunded by hand, 주문 1"})
    );
    let id: uuid::Uuid = last.event_id.as_str().parse().unwrap();
    assert_eq!(
        (id.get_version_num(), id.get_variant()),
        (7, uuid::Variant::RFC4122)
    );
}

#[tokio::test]
async fn the_state_is_the_fold_of_the_steps_with_the_correction() {
    let api = Api::new().await;
    let recorded = compensated("saga-1", 0);
    api.record(recorded.clone()).await;
    assert_eq!(
        correct(&api, "FAILED", "the stock is gone").await.status.as_u16(),
        200
    );
    let saga = api.json_alone(SAGA).await;
    assert_eq!(
        (&saga["currentStatus"], &saga["lastStep"], &saga["stepCount"]),
        (&json!("FAILED"), &json!("MANUAL_STATUS_OVERRIDE"), &json!(4))
    );
    assert_eq!(
        (&saga["endedAt"], &saga["anomalies"]),
        (&saga["updatedAt"], &json!([]))
    );
    let [step] = <[Value; 1]>::try_from(overrides(&api).await).unwrap();
    assert_eq!(
        step["metadata"],
        json!({"actor": "anonymous", "correctedVia": "REST", "reason": "the stock is gone",
            "failureReason": "the stock is gone"})
    );
    let correction = json!({
        "eventId": step["eventId"], "sagaId": "saga-1", "sagaType": "ORDER_CREATION", "orderId": "ORD-saga-1",
        "step": step["step"], "status": step["status"], "metadata": step["metadata"],
        "recordedAt": step["recordedAt"],
    });
    let mut events: Vec<SagaEvent> = recorded.into_iter().map(|event| event.0).collect();
    events.push(serde_json::from_value(correction).unwrap());
    let state = fold::fold(&events, &Definitions::built_in()).unwrap();
    assert_eq!(saga, serde_json::to_value(state).unwrap());
}

#[tokio::test]
async fn the_correction_decides_even_when_a_clock_was_ahead() {
    let api = Api::new().await;
    let mut ahead = completed("saga-1", 0);
    let tomorrow = Timestamp::from_millis(Timestamp::now().as_millis() + 86_400_000).unwrap();
    ahead[1].0.recorded_at = tomorrow;
    api.record(ahead).await;
    let answer = correct(&api, "FAILED", "never delivered").await.json();
    let expected = Timestamp::from_millis(tomorrow.as_millis() + 1).unwrap();
    assert_eq!(answer["updatedAt"], expected.to_string());
    assert_eq!(api.json(SAGA).await["currentStatus"], "FAILED");
    // And so does the next one.
    assert_eq!(
        correct(&api, "COMPLETED", "it was, after all")
            .await
            .status
            .as_u16(),
        200
    );
    assert_eq!(overrides(&api).await.len(), 2);
}

#[tokio::test]
async fn nothing_can_be_later_than_the_end_of_time() {
    let api = Api::new().await;
    let mut last = event("saga-1", "ORDER_CREATED", "STARTED", 0);
    last.0.recorded_at = Timestamp::MAX;
    api.record([last]).await;
    correct(&api, "FAILED", "why")
        .await
        .is_error(409, "CONFLICT", STATUS);
    assert_eq!(overrides(&api).await.len(), 0);
}

#[tokio::test]
async fn the_same_status_again_is_a_conflict() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let error = correct(&api, "FAILED", "why")
        .await
        .is_error(409, "CONFLICT", STATUS);
    assert_eq!(error["message"], r#"the saga "saga-1" is FAILED already"#);
    assert_eq!(overrides(&api).await.len(), 0);
}

#[tokio::test]
async fn of_many_corrections_to_one_status_at_once_one_succeeds_and_is_kept() {
    let api = Arc::new(Api::new().await);
    api.record(failed("saga-1", 0)).await;
    let calls = (0..8).map(|place| {
        let api = api.clone();
        tokio::spawn(async move { correct(&api, "COMPENSATED", &format!("by {place}")).await })
    });
    let mut codes = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        codes.push(call.await.unwrap().status.as_u16());
    }
    codes.sort_unstable();
    assert_eq!(codes, [200, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(overrides(&api).await.len(), 1);
}

#[tokio::test]
async fn of_corrections_to_different_statuses_at_once_each_sees_the_one_before() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let (first, second) = tokio::join!(
        correct(&api, "COMPENSATED", "refunded"),
        correct(&api, "COMPLETED", "delivered"),
    );
    let previous = [
        first.json()["previousStatus"].clone(),
        second.json()["previousStatus"].clone(),
    ];
    assert!(
        previous == [json!("FAILED"), json!("COMPENSATED")]
            || previous == [json!("COMPLETED"), json!("FAILED")],
        "{previous:?}"
    );
    assert_eq!(overrides(&api).await.len(), 2);
}

#[tokio::test]
async fn an_operator_overtaken_by_an_event_sees_it() {
    let now = Timestamp::now().as_millis() - crate::harness::BEGIN;
    let same = event("saga-1", "PAYMENT_FAILED", "FAILED", 10);
    let later = event("saga-1", "ORDER_CONFIRMED", "COMPLETED", now + 3_600_000);
    for (other, words, status) in [
        (same, "by another event", "FAILED"),
        (later, "so the saga is COMPLETED", "COMPLETED"),
    ] {
        let api = Api::new().await;
        api.record([event("saga-1", "ORDER_CREATED", "STARTED", 0)]).await;
        let api = api.with_others_writing(vec![vec![other]]).await;
        let error = correct(&api, "FAILED", "why")
            .await
            .is_error(409, "CONFLICT", STATUS);
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        assert_eq!(api.json(SAGA).await["currentStatus"], status);
        assert_eq!(overrides(&api).await.len(), 1);
    }
}

#[tokio::test]
async fn an_unknown_saga_is_not_found() {
    let api = Api::new().await;
    correct(&api, "FAILED", "why")
        .await
        .is_error(404, "NOT_FOUND", STATUS);
}

#[tokio::test]
async fn only_an_operator_may() {
    let api = Api::with_tokens().await;
    api.record(failed("saga-1", 0)).await;
    let body = r#"{"status":"COMPENSATED","reason":"why"}"#;
    patch(&api, &[JSON], body)
        .await
        .is_error(401, "UNAUTHORIZED", STATUS);
    patch(&api, &[JSON, ("authorization", "Bearer board's")], body)
        .await
        .is_error(403, "FORBIDDEN", STATUS);
    assert_eq!(
        api.store
            .steps("saga-1", None, 10)
            .await
            .unwrap()
            .unwrap()
            .steps
            .len(),
        2
    );
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let long = json!({"status": "COMPENSATED", "reason": "주".repeat(501)}).to_string();
    for (body, names) in [
        ("{}", &["reason", "status"][..]),
        (r#"{"status":"compensated","reason":7}"#, &["reason", "status"]),
        (r#"{"status":"COMPENSATED","reason":" \n\t"}"#, &["reason"]),
        (r#"{"status":"COMPENSATED","reason":null}"#, &["reason"]),
        (r#"{"status":"COMPENSATED","reason":"a\u0000b"}"#, &["reason"]),
        (&long, &["reason"]),
        (r#"{"status":["FAILED"],"reason":"why"}"#, &["status"]),
        (
            r#"{"status":"COMPENSATED","reason":"why","actor":"me"}"#,
            &["actor"],
        ),
    ] {
        let error = patch(&api, &[JSON], body)
            .await
            .is_error(400, "BAD_REQUEST", STATUS);
        let details: Vec<_> = error["details"].as_object().unwrap().keys().collect();
        assert_eq!(details, names, "{body}");
    }
    let longest = "주".repeat(500);
    assert_eq!(correct(&api, "COMPENSATED", &longest).await.status.as_u16(), 200);
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let deep = "[".repeat(50_000);
    let bad: [&[u8]; 9] = [
        b"",
        b"null",
        br#"["COMPENSATED","why"]"#,
        br#"{"status":"COMPENSATED","reason":"why""#,
        br#"{"status":"COMPENSATED","reason":"why"} {}"#,
        br#"{"status":"FAILED","status":"COMPENSATED","reason":"why"}"#,
        b"{\"status\":\"COMPENSATED\",\"reason\":\"\xff\"}",
        br#"{"status":"COMPENSATED","reason":"\ud800"}"#,
        deep.as_bytes(),
    ];
    for body in bad {
        patch(&api, &[JSON], body)
            .await
            .is_error(400, "BAD_REQUEST", STATUS);
    }
    let good = r#"{"status":"COMPENSATED","reason":"why"}"#;
    for headers in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/jsonx")],
    ] {
        patch(&api, headers, good)
            .await
            .is_error(400, "BAD_REQUEST", STATUS);
    }
    let path = format!("{STATUS}?force=true");
    api.request_with(Method::PATCH, &path, &[JSON], good.into())
        .await
        .is_error(400, "BAD_REQUEST", STATUS);
    assert_eq!(overrides(&api).await.len(), 0);
    let with_charset = [("content-type", "Application/JSON; charset=utf-8")];
    assert_eq!(patch(&api, &with_charset, good).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_body_has_a_longest_length() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let good = r#"{"status":"COMPENSATED","reason":"why"}"#;
    let padded = |bytes: usize| format!("{}{good}", " ".repeat(bytes - good.len()));
    patch(&api, &[JSON], padded(64 * 1024 + 1))
        .await
        .is_error(413, "PAYLOAD_TOO_LARGE", STATUS);
    assert_eq!(patch(&api, &[JSON], padded(64 * 1024)).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_correction_is_counted_as_any_event() {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    correct(&api, "FAILED", "never delivered").await;
    correct(&api, "FAILED", "again").await;
    correct(&api, "COMPENSATED", "refunded").await;
    let metrics = api.get("/metrics").await.text;
    for line in [
        r#"saga_events_processed_total{step="MANUAL_STATUS_OVERRIDE",status="FAILED"} 1"#,
        r#"saga_events_processed_total{step="MANUAL_STATUS_OVERRIDE",status="COMPENSATED"} 1"#,
        "saga_failed_total 1",
        "saga_compensated_total 1",
        r#"saga_tracker_db_query_seconds_count{query="append"} 2"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn a_database_that_is_unavailable_means_try_again() {
    let api = Api::without_database().await;
    let answer = correct(&api, "FAILED", "why").await;
    answer.is_error(503, "SERVICE_UNAVAILABLE", STATUS);
    assert!(!answer.text.contains("hidden"), "{}", answer.text);
}
