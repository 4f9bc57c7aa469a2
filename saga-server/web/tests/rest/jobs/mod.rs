//! One operation on many: `/internal/v1/jobs`, and the forms of the pages.

mod acknowledging;
mod creating;
mod forms;
mod running;

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use saga_collector::{dead_letters::DeadLetters, jobs::JobRunner, metrics::Metrics, redaction::Redaction};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Answer, Api, completed, eventually, failed};

const JOBS: &str = "/internal/v1/jobs";
const PREVIEW: &str = "/internal/v1/jobs/preview";

async fn post_with(api: &Api, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let json = ("content-type", "application/json");
    let headers: Vec<_> = [json].iter().chain(headers).copied().collect();
    api.request_with(Method::POST, path, &headers, body.to_string().into_bytes())
        .await
}

async fn post(api: &Api, path: &str, body: Value) -> Answer {
    post_with(api, path, &[], body).await
}

/// Runs jobs until this one has ended.
async fn run(api: &Api, id: &Value) -> Value {
    let metrics = Arc::new(Metrics::new([]));
    let letters = DeadLetters::new(
        api.store.clone(),
        None,
        metrics.clone(),
        Arc::new(Redaction::default()),
    );
    let runner = JobRunner::new(api.store.clone(), Arc::new(letters), metrics)
        .with_times(Duration::from_secs(10), Duration::from_millis(10));
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner.run(stop.clone()));
    let path = format!("{JOBS}/{id}");
    eventually(async || !api.json(&path).await["finishedAt"].is_null()).await;
    stop.cancel();
    running.await.unwrap();
    api.json(&path).await
}

/// Three failed sagas and a completed one.
async fn filled() -> Api {
    let api = Api::new().await;
    for saga in ["a", "b", "c"] {
        api.record(failed(saga, 0)).await;
    }
    api.record(completed("d", 0)).await;
    api
}

fn correction() -> Value {
    json!({"action": "CORRECT", "status": "COMPENSATED", "note": "refunded", "filter": {"status": "FAILED"}})
}

async fn status(api: &Api, saga: &str) -> String {
    let saga = api.json(&format!("/api/v1/sagas/{saga}")).await;
    saga["currentStatus"].as_str().unwrap().to_owned()
}
