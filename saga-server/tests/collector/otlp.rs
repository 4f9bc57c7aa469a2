//! Spans and log records by OTLP over HTTP, through a real broker, to their sagas.

use std::{collections::BTreeMap, process::Stdio};

use serde_json::{Value, json};

use crate::{
    other_languages::python_program,
    support::{
        Harness,
        process::{ServerProcess, free_port},
        running::Running,
    },
};

/// The SDK of OpenTelemetry, which knows nothing of Saga Tracker.
#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_of_open_telemetry_exports_the_steps_of_a_saga() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let mut program = python_program("python/otlp.py");
    program.args(["--url", server.rest.base()]);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let saga = server.rest.saga_with_steps("otel-1", 4).await;
    assert_eq!(
        (&saga["orderId"], &saga["currentStatus"]),
        (&json!("order-1"), &json!("FAILED")),
        "{saga}"
    );
    assert_eq!(saga["failureReason"], "ValueError: no funds");
    let (_, steps) = server.rest.get("/api/v1/sagas/otel-1/steps").await;
    // Some of them were at the same millisecond.
    let steps: BTreeMap<&str, &Value> = steps["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step))
        .collect();
    let services: Vec<_> = steps
        .iter()
        .map(|(name, step)| (*name, step["producerService"].as_str().unwrap()))
        .collect();
    assert_eq!(
        services,
        [
            ("ORDER_CREATED", "order-service"),
            ("PAYMENT_FAILED", "payment-service"),
            ("STOCK_RELEASED", "product-service"),
            ("STOCK_RESERVED", "product-service"),
        ]
    );
    let created = steps["ORDER_CREATED"];
    let trace = created["traceId"].as_str().unwrap();
    assert_eq!(trace.len(), 32);
    assert!(steps.values().all(|step| step["traceId"] == trace), "{steps:?}");
    assert_eq!(created["metadata"]["orderAmount"], 12.5);
    assert_eq!(created["metadata"]["serviceVersion"], "1.4.0");
    // The spans came twice.
    assert_eq!(harness.records(&harness.topic, 7).await.len(), 7);
    assert!(harness.dead_letters(0).await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_unavailable_exporters_are_asked_to_come_again() {
    let harness = Harness::new().await;
    let away = format!("127.0.0.1:{}", free_port());
    let variables = [
        ("KAFKA_BOOTSTRAP_SERVERS", away.as_str()),
        ("SAGA_SERVER_GATEWAY_ACK_TIMEOUT", "1s"),
    ];
    let gateway = ServerProcess::gateway_with(&harness, free_port(), &variables, Stdio::null());
    let live = |status, _: &Value| status == 200;
    gateway.rest.wait_for("/health/liveness", "live", live).await;
    let attribute = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    let span = json!({
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "endTimeUnixNano": "1760000000000000000",
        "attributes": [
            attribute("saga.id", "s-1"), attribute("saga.type", "REFUND"), attribute("saga.step", "ORDER_CREATED"),
            attribute("saga.order.id", "o-1"),
        ],
    });
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let response = saga_collector::http_client::plain_client()
        .post(format!("{}/v1/traces", gateway.rest.base()))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["retry-after"].to_str().unwrap()
        ),
        (503, "2")
    );
    let status: Value = response.json().await.unwrap();
    assert_eq!(status["code"], 14, "{status}");
}
