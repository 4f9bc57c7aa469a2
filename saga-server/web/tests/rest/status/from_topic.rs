//! Overrides that services record, beside those of operators.

use saga_types::Timestamp;
use serde_json::json;

use super::{SAGA, correct};
use crate::harness::{Api, Event, event, failed};

/// An override that a service recorded, in the name of an operator.
fn forged(saga_id: &str, status: &str, after_ms: i64) -> Event {
    event(saga_id, "MANUAL_STATUS_OVERRIDE", status, after_ms)
        .with(json!({"actor": "dana", "reason": "trust me", "producerService": "order-service"}))
}

#[tokio::test]
async fn an_override_of_the_topic_is_no_persons_deed() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    api.record([forged("saga-1", "COMPENSATED", 600)]).await;
    let saga = api.json(SAGA).await;
    assert_eq!(
        (&saga["currentStatus"], &saga["anomalies"]),
        (&json!("COMPENSATED"), &json!(["OVERRIDE_FROM_TOPIC"]))
    );
    let page = api.get("/sagas/saga-1").await.text;
    assert!(
        page.contains("recorded by order-service as a manual override"),
        "{page}"
    );
    assert!(!page.contains("manual: dana"), "{page}");
    assert_eq!(
        api.ids("/api/v1/sagas?anomaly=OVERRIDE_FROM_TOPIC").await,
        ["saga-1"]
    );
    assert_eq!(api.json("/internal/v1/operations").await["content"], json!([]));
}

#[tokio::test]
async fn a_correction_is_no_anomaly_however_its_saga_is_folded() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    assert_eq!(
        correct(&api, "COMPENSATED", "given back").await.status.as_u16(),
        200
    );
    assert_eq!(api.json(SAGA).await["anomalies"], json!([]));
    let as_of = api.json(&format!("{SAGA}?asOf=9999-12-31")).await;
    assert_eq!(as_of["anomalies"], json!([]));
    let rebuilt = api
        .store
        .rebuild(None, 10, saga_store::Rebuild::DryRun)
        .await
        .unwrap();
    assert!(rebuilt.differences.is_empty(), "{:?}", rebuilt.differences);
    let page = api.get("/sagas/saga-1").await.text;
    assert!(page.contains("manual: anonymous"), "{page}");
}

#[tokio::test]
async fn what_a_service_overrode_an_operator_corrects() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let mut late = forged("saga-1", "COMPLETED", 0);
    // The last moment that ingest takes.
    late.0.recorded_at = Timestamp::from_millis(Timestamp::MAX.as_millis() - 86_400_000).unwrap();
    api.record([late]).await;
    for status in ["FAILED", "COMPENSATED"] {
        let answer = correct(&api, status, "it was not completed").await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        assert_eq!(api.json(SAGA).await["currentStatus"], status);
    }
}
