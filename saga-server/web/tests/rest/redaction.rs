//! Redaction of metadata, in every answer that holds metadata.

use serde_json::json;

use crate::harness::{Api, compensated, event, failed};

#[tokio::test]
async fn hidden_values_are_in_no_answer_and_stay_in_the_store() {
    let api = Api::hiding(&["card*"]).await;
    let metadata = json!({"cardNumber": "4711", "payment": {"CARD": "4711"}, "itemCount": 3});
    api.record([event("saga-1", "ORDER_CREATED", "STARTED", 0).with(metadata)])
        .await;
    let answer = api.json("/api/v1/sagas/saga-1/steps").await;
    assert_eq!(
        answer["steps"][0]["metadata"],
        json!({"cardNumber": "***", "payment": {"CARD": "***"}, "itemCount": 3})
    );
    let stored = api.store.steps("saga-1", None, 1).await.unwrap().unwrap();
    assert!(
        stored.steps[0]
            .metadata
            .as_ref()
            .unwrap()
            .as_str()
            .contains("4711")
    );
}

#[tokio::test]
async fn a_hidden_failure_reason_is_neither_in_the_saga_nor_in_its_sentence() {
    for key in ["failurereason", "*"] {
        let api = Api::hiding(&[key]).await;
        let reason = json!({"failureReason": "card of Dana Doe"});
        api.record(
            failed("failed", 0)
                .into_iter()
                .map(|event| event.with(reason.clone())),
        )
        .await;
        api.record(
            compensated("undone", 0)
                .into_iter()
                .map(|event| event.with(reason.clone())),
        )
        .await;
        for path in [
            "/api/v1/sagas",
            "/api/v1/sagas/failed",
            "/api/v1/sagas/undone",
            "/api/v1/sagas/failed?asOf=2030-01-01",
            "/api/v1/sagas/failed/steps",
        ] {
            let answer = api.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(!answer.text.contains("Dana"), "{path}: {}", answer.text);
        }
        let saga = api.json("/api/v1/sagas/failed").await;
        assert_eq!(saga["failureReason"], "***");
        let summary = saga["summary"].as_str().unwrap();
        assert!(summary.contains(" (***),"), "{summary}");
    }
}

#[tokio::test]
async fn what_is_not_shown_cannot_be_searched_for() {
    let api = Api::hiding(&["card*", "failureReason"]).await;
    for (query, name) in [
        ("metadata.cardNumber=4711", "metadata.cardNumber"),
        ("metadata.CARD=4711", "metadata.CARD"),
        ("failureReason=x", "failureReason"),
        ("metadata.failureReason=x", "metadata.failureReason"),
    ] {
        let details = api.refused(&format!("/api/v1/sagas?{query}")).await;
        let reason = details[name].as_str().unwrap();
        assert!(reason.contains("redaction.metadataKeys"), "{details}");
    }
    assert!(api.ids("/api/v1/sagas?metadata.itemCount=3").await.is_empty());
}
