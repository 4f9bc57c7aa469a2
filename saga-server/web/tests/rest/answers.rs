//! The whole answer of every URL that programs read, beside the last accepted one in `snapshots/`.
//!
//! After an intended change: `INSTA_UPDATE=always cargo test -p saga-web --test rest answers`, and review the difference.

use insta::{dynamic_redaction, internals::Content};
use reqwest::Method;
use serde_json::json;

use crate::{
    dead_letters::letter,
    harness::{Answer, Api, compensated, completed, event, failed},
};

/// Moments of the test run are not those of the recorded events.
fn snapshot(name: &str, answer: &Answer) {
    let now = || {
        dynamic_redaction(|moment, _| {
            if of_events(&moment) {
                moment
            } else {
                "[now]".into()
            }
        })
    };
    let whole = json!({ "status": answer.status.as_u16(), "body": answer.json() });
    insta::assert_json_snapshot!(name, whole, {
        ".**.asOf" => now(),
        ".**.createdAt" => now(),
        ".**.eventId" => "[event id]",
        ".**.judgedAt" => now(),
        ".**.lateMs" => "[duration]",
        ".**.observedAt" => now(),
        ".**.timestamp" => now(),
        ".**.updatedAt" => now(),
    });
}

fn of_events(moment: &Content) -> bool {
    moment.as_str().is_none_or(|text| text.starts_with("2025-10-09"))
}

async fn filled() -> Api {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    api.record(failed("saga-2", 1_000)).await;
    api.record(compensated("saga-3", 2_000)).await;
    let open = event("saga-4", "ORDER_CREATED", "STARTED", 3_000);
    api.record([open.with(json!({"customerId": "C-17", "amount": 12.5}))])
        .await;
    api.store
        .keep_letters(vec![letter(b"no event", "UNKNOWN_FRAMING", 1)])
        .await
        .unwrap();
    api
}

#[tokio::test]
async fn every_url_answers_as_before() {
    let api = filled().await;
    for (name, path) in [
        ("saga", "/api/v1/sagas/saga-3"),
        ("saga-as-of", "/api/v1/sagas/saga-3?asOf=2025-10-09T08:53:22.600Z"),
        ("saga-unknown", "/api/v1/sagas/nowhere"),
        ("steps", "/api/v1/sagas/saga-2/steps"),
        ("sagas", "/api/v1/sagas?sort=startedAt,asc"),
        ("sagas-by-metadata", "/api/v1/sagas?metadata.customerId=C-17"),
        ("sagas-refused", "/api/v1/sagas?status=DONE&size=0"),
        (
            "statistics",
            "/api/v1/sagas/statistics?fromDate=2025-10-09&toDate=2025-10-09",
        ),
        ("attention", "/api/v1/attention"),
        ("dead-letters", "/internal/v1/dlt"),
        ("dead-letter-groups", "/internal/v1/dlt/groups"),
        ("producers", "/internal/v1/producers"),
        ("search", "/api/v1/search?q=saga-4"),
        ("search-of-many", "/api/v1/search?q=saga-"),
        ("suggest", "/api/v1/suggest?q=customer"),
        ("views", "/api/v1/views"),
        ("health", "/actuator/health"),
        ("liveness", "/actuator/health/liveness"),
        ("no-route", "/nowhere"),
    ] {
        snapshot(name, &api.get(path).await);
    }
}

#[tokio::test]
async fn every_change_answers_as_before() {
    let api = filled().await;
    for (name, method, path, body) in [
        (
            "correction",
            Method::PATCH,
            "/internal/v1/sagas/saga-2/status",
            json!({"status": "COMPLETED", "reason": "paid by hand"}),
        ),
        (
            "correction-without-a-reason",
            Method::PATCH,
            "/internal/v1/sagas/saga-2/status",
            json!({"status": "COMPLETED"}),
        ),
        (
            "correction-again",
            Method::PATCH,
            "/internal/v1/sagas/saga-2/status",
            json!({"status": "COMPLETED", "reason": "paid by hand"}),
        ),
        (
            "replay",
            Method::POST,
            "/internal/v1/sagas/replay",
            json!({"filter": {}, "dryRun": true}),
        ),
    ] {
        let headers = [("content-type", "application/json")];
        let body = body.to_string().into_bytes();
        snapshot(name, &api.request_with(method, path, &headers, body).await);
    }
}
