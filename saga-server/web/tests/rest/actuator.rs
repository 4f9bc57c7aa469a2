//! `/health`, `/metrics` and their names under `/actuator`.

use reqwest::Method;
use saga_collector::health::Component;
use serde_json::json;

use crate::harness::{Api, completed};

#[tokio::test]
async fn health_is_down_until_every_part_is_up() {
    let api = Api::new().await;
    api.health.up(Component::Db);
    for path in [
        "/health",
        "/health/readiness",
        "/actuator/health",
        "/actuator/health/readiness",
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.status.as_u16(), 503, "{path}");
        assert_eq!(
            answer.json(),
            json!({"status": "DOWN", "components": {
                "db": {"status": "UP"},
                "kafka": {"status": "DOWN", "reason": "starting"},
            }})
        );
    }
    api.health.up(Component::Kafka);
    assert_eq!(api.json("/health/readiness").await["status"], "UP");
}

#[tokio::test]
async fn only_operators_read_why_a_part_is_down() {
    let api = Api::with_tokens().await;
    api.health
        .down(Component::Db, "database \"orders\" does not exist");
    for (token, sees) in [("", false), ("Bearer board's", false), ("Bearer dana's", true)] {
        let headers = [("authorization", token)];
        let answer = api.request(Method::GET, "/health", &headers).await;
        assert_eq!(answer.status.as_u16(), 503, "{token}");
        assert_eq!(answer.json()["components"]["db"]["status"], "DOWN");
        assert_eq!(answer.text.contains("orders"), sees, "{token}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_process_that_answers_is_alive_though_not_ready() {
    let api = Api::new().await;
    for path in ["/health/liveness", "/actuator/health/liveness"] {
        assert_eq!(api.json(path).await, json!({"status": "UP"}));
    }
}

#[tokio::test]
async fn metrics_tell_how_long_answers_and_queries_took() {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    api.get("/api/v1/sagas/saga-1").await;
    api.get("/nowhere/7").await;
    api.request(Method::from_bytes(b"BREW").unwrap(), "/api/v1/sagas", &[])
        .await;
    for path in ["/metrics", "/actuator/prometheus"] {
        let answer = api.get(path).await;
        assert_eq!(
            answer.header("content-type"),
            "text/plain; version=0.0.4; charset=utf-8"
        );
        for line in [
            r#"saga_tracker_api_latency_seconds_count{endpoint="/api/v1/sagas/{sagaId}",method="GET"} 1"#,
            r#"saga_tracker_api_latency_seconds_count{endpoint="unknown",method="GET"} 1"#,
            r#"saga_tracker_api_latency_seconds_count{endpoint="/api/v1/sagas",method="OTHER"} 1"#,
            r#"saga_tracker_db_query_seconds_count{query="saga"} 1"#,
            "# TYPE saga_failed_total counter",
            "# TYPE saga_active_total gauge",
        ] {
            assert!(
                answer.text.lines().any(|found| found == line),
                "{line} in\n{}",
                answer.text
            );
        }
        assert!(!answer.text.contains("# EOF"));
    }
}

#[tokio::test]
async fn metrics_come_as_open_metrics_when_asked_for() {
    let api = Api::new().await;
    let asked = [(
        "accept",
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2",
    )];
    let answer = api.request(Method::GET, "/metrics", &asked).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("application/openmetrics-text; version=1.0.0")
    );
    assert!(answer.text.ends_with("# EOF\n"));
    assert!(answer.text.contains("# TYPE saga_failed counter"));
}
