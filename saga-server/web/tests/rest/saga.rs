//! `GET /api/v1/sagas/{sagaId}`.

use reqwest::Method;
use saga_store::{ArchivePlan, Archived};
use saga_types::{definition::Definitions, fold};
use serde_json::json;

use crate::harness::{Api, compensated, completed, event, failed};

#[tokio::test]
async fn a_saga_is_answered_with_its_derived_fields() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    assert_eq!(
        api.json_alone("/api/v1/sagas/saga-1").await,
        json!({
            "sagaId": "saga-1",
            "sagaType": "ORDER_CREATION",
            "orderId": "ORD-saga-1",
            "parentSagaId": null,
            "currentStatus": "FAILED",
            "lastStep": "STOCK_RESERVATION_FAILED",
            "lastTraceId": null,
            "startedAt": "2025-10-09T08:53:20.000Z",
            "updatedAt": "2025-10-09T08:53:20.500Z",
            "stepCount": 2,
            "endedAt": "2025-10-09T08:53:20.500Z",
            "durationMs": 500,
            "failedStep": "STOCK_RESERVATION_FAILED",
            "failureReason": "OUT_OF_STOCK",
            "outstandingCompensations": [],
            "awaiting": [],
            "services": ["order-service", "product-service"],
            "summary": "Failed at STOCK_RESERVATION_FAILED (OUT_OF_STOCK), 2025-10-09T08:53:20.500Z.",
            "anomalies": [],
        })
    );
}

#[tokio::test]
async fn the_answer_is_the_fold_of_the_events() {
    let api = Api::new().await;
    let events = compensated("saga-1", 0);
    api.record(events.clone()).await;
    let events: Vec<_> = events.into_iter().map(|event| event.0).collect();
    let state = fold::fold(&events, &Definitions::built_in()).unwrap();
    assert_eq!(
        api.json_alone("/api/v1/sagas/saga-1").await,
        serde_json::to_value(state).unwrap()
    );
}

#[tokio::test]
async fn a_saga_that_left_the_database_is_said_to_be_archived_wherever_it_is_asked_for() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let plan = ArchivePlan {
        batch: "batch".to_owned(),
        attempt: "attempt".to_owned(),
        saga_ids: vec!["saga-1".to_owned()],
    };
    assert!(api.store.plan_archive(&plan).await.unwrap());
    let sagas = api.store.still_there(&plan.saga_ids).await.unwrap();
    let archived = Archived {
        attempt: plan.attempt,
        folder: "2026-11-23/batch".to_owned(),
    };
    api.store.remove(&sagas, Some(&archived)).await.unwrap();
    for path in [
        "/api/v1/sagas/saga-1",
        "/api/v1/sagas/saga-1?asOf=2025-10-09",
        "/api/v1/sagas/saga-1/steps",
    ] {
        let bare = path.split('?').next().unwrap();
        let error = api.get(path).await.is_error(404, "NOT_FOUND", bare);
        assert_eq!(error["details"]["archive"], "2026-11-23/batch", "{path}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("left the database at"), "{path}: {message}");
    }
    let json = [("content-type", "application/json")];
    let correction = br#"{"status": "COMPLETED", "reason": "paid"}"#.to_vec();
    let path = "/internal/v1/sagas/saga-1/status";
    let corrected = api.request_with(Method::PATCH, path, &json, correction).await;
    let error = corrected.is_error(404, "NOT_FOUND", path);
    assert_eq!(error["details"]["archive"], "2026-11-23/batch");
    for page in ["/sagas/saga-1", "/sagas/saga-1/events.json", "/search?q=saga-1"] {
        let shown = api.request(Method::GET, page, &[("accept", "text/html")]).await;
        assert_eq!(shown.status, 404, "{page}");
        assert!(
            shown.text.contains("left the database at"),
            "{page}: {}",
            shown.text
        );
        assert!(
            shown.text.contains("it is in the archive"),
            "{page}: {}",
            shown.text
        );
    }
}

#[tokio::test]
async fn an_unknown_saga_is_not_found() {
    let api = Api::new().await;
    let error = api
        .get("/api/v1/sagas/nobody")
        .await
        .is_error(404, "NOT_FOUND", "/api/v1/sagas/nobody");
    assert_eq!(error["message"], r#"there is no saga "nobody""#);
}

#[tokio::test]
async fn as_of_gives_the_state_at_that_moment_inclusive() {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    for (as_of, status) in [
        ("2025-10-09T08:53:20.000Z", "STARTED"),
        ("2025-10-09T08:53:20.999Z", "STARTED"),
        ("2025-10-09T17:53:21.000%2B09:00", "COMPLETED"),
        ("2025-10-09", "COMPLETED"),
    ] {
        let saga = api.json(&format!("/api/v1/sagas/saga-1?asOf={as_of}")).await;
        assert_eq!(saga["currentStatus"], status, "{as_of}");
    }
    let path = "/api/v1/sagas/saga-1";
    api.get(&format!("{path}?asOf=2025-10-08"))
        .await
        .is_error(404, "NOT_FOUND", path);
    let details = api.refused(&format!("{path}?asOf=now")).await;
    assert!(
        details["asOf"].as_str().unwrap().contains("RFC 3339"),
        "{details}"
    );
}

#[tokio::test]
async fn an_id_may_hold_any_character() {
    let api = Api::new().await;
    let hundred = "주".repeat(100);
    let ids = [
        "a/b",
        "주문 1",
        "100%",
        "?&#",
        "...",
        "a+b",
        "\"'; DROP TABLE saga_instance; --",
        &hundred,
    ];
    for id in ids {
        api.record([event(id, "ORDER_CREATED", "STARTED", 0)]).await;
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(api.json(&format!("/api/v1/sagas/{encoded}")).await["sagaId"], id);
    }
}

#[tokio::test]
async fn ids_that_cannot_be_are_refused() {
    let api = Api::new().await;
    for id in ["a".repeat(101), "a%00b".to_owned(), "a%0Ab".to_owned()] {
        let path = format!("/api/v1/sagas/{id}");
        let details = api.refused(&path).await;
        assert!(details["sagaId"].is_string(), "{details}");
    }
}

#[tokio::test]
async fn a_saga_called_statistics_is_reached_by_writing_it_differently() {
    let api = Api::new().await;
    api.record([event("statistics", "ORDER_CREATED", "STARTED", 0)])
        .await;
    assert_eq!(
        api.json("/api/v1/sagas/%73tatistics").await["sagaId"],
        "statistics"
    );
}

#[tokio::test]
async fn parameters_that_nobody_knows_are_refused() {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    assert_eq!(
        api.refused("/api/v1/sagas/saga-1?asof=2025-10-09").await,
        json!({"asof": "is not known here"})
    );
}
