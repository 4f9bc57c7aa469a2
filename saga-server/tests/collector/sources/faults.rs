//! What a source waits for: a topic that is missing, a registry or a broker that is unavailable, and its own restart.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Json, Router, http::StatusCode, routing::get};
use saga_collector::{ingest::RegistryConfig, secret::Secret};
use saga_gateway::source::SourceFormat;
use serde_json::{Value, json};

use super::{RULES, Sources, is_refused_order, send, wait_for_source};
use crate::support::{Harness, Rest, create_topics, eventually, process::ServerProcess, stack::Stack};

/// The reason of a source that is down, while everything else is ready.
async fn reason_while_ready(rest: &Rest, source: &str, words: &str) {
    let health = rest
        .wait_for("/health", words, |_, health| {
            let reason = health["sources"][source]["reason"].as_str();
            reason.is_some_and(|reason| reason.contains(words))
        })
        .await;
    assert_eq!(health["status"], "UP", "{health}");
    let line = format!("saga_tracker_source_stalled{{source=\"{source}\"}} 1\n");
    let page = super::metrics(rest).await;
    assert!(page.contains(&line), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_missing_is_reported_and_read_once_it_is_there() {
    let mut sources = Sources::new().await;
    let rules = RULES.replace("DOC", "event");
    let later = sources.add_without_topic("later", SourceFormat::Json, &rules);
    let other = sources.add("other", SourceFormat::Json, &rules).await;
    let server = sources.start().await;
    reason_while_ready(&server.rest, "later", "does not exist").await;
    send(&other, "good-1", r#"{"type":"OrderPlaced","order":"good-1"}"#);
    other.flush();
    server.rest.saga_with_steps("good-1", 1).await;
    create_topics(&sources.harness.bootstrap_servers, &[later.topic()]).await;
    send(&later, "good-1", r#"{"type":"PaymentRefused","order":"good-1"}"#);
    later.flush();
    is_refused_order(&server.rest, "good-1").await;
    wait_for_source(&server.rest, "later", "UP").await;
    server.stop().await;
}

const SCHEMA: &str = r#"{"type":"record","name":"O","fields":[{"name":"type","type":"string"},{"name":"order","type":"string"}]}"#;

/// A registry that answers once it is asked to.
async fn registry(is_there: Arc<AtomicBool>) -> String {
    let answer = async move || match is_there.load(Ordering::SeqCst) {
        true => Ok(Json(json!({ "schema": SCHEMA }))),
        false => Err(StatusCode::SERVICE_UNAVAILABLE),
    };
    let router = Router::new().route("/schemas/ids/7", get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_unavailable_is_waited_for() {
    let is_there = Arc::new(AtomicBool::new(false));
    let mut sources = Sources::new().await;
    sources.config.schema_registry = Some(RegistryConfig {
        url: Secret::new(registry(is_there.clone()).await),
        ca_file: None,
    });
    let rules = RULES.replace("DOC", "event");
    let producer = sources.add("avro", SourceFormat::Avro, &rules).await;
    let server = sources.start().await;
    for kind in ["OrderPlaced", "PaymentRefused"] {
        let text = |text: &str| [&[u8::try_from(text.len() * 2).unwrap()], text.as_bytes()].concat();
        let value = [vec![0, 0, 0, 0, 7], text(kind), text("patient")].concat();
        producer.send_raw(Some(b"patient"), &value);
    }
    producer.flush();
    reason_while_ready(&server.rest, "avro", "status 503").await;
    is_there.store(true, Ordering::SeqCst);
    is_refused_order(&server.rest, "patient").await;
    wait_for_source(&server.rest, "avro", "UP").await;
    assert!(
        sources.harness.dead_letters(0).await.is_empty(),
        "trouble is not bad data"
    );
    server.stop().await;
}

/// Records that are read while broker and server are killed.
const RECORDS: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_stored_once_whatever_is_killed() {
    let stack = Stack::up(None);
    let mut sources = Sources::on(Harness::on_stack(&stack).await);
    let rules = RULES.replace("DOC", "event");
    let producer = sources.add("orders", SourceFormat::Json, &rules).await;
    for n in 0..RECORDS {
        let document = json!({"type": "OrderPlaced", "order": format!("killed-{n}"), "total": n});
        send(&producer, &format!("killed-{n}"), &document.to_string());
        if n % 1_000 == 0 {
            send(&producer, "wrong", &format!("no json {n}"));
        }
    }
    producer.flush();
    let variables = sources.variables();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let serve = || ServerProcess::serve_with(&sources.harness, &variables, std::process::Stdio::inherit());
    let harness = &sources.harness;
    let count = async || harness.sql_count("SELECT count(*) FROM saga_steps").await;
    let some_more = async || {
        let wanted = (count().await + 1).min(i64::try_from(RECORDS).unwrap());
        eventually("more is stored", async || count().await >= wanted).await;
    };
    let mut server = serve();
    some_more().await;
    server.kill();
    server = serve();
    some_more().await;
    stack.parts(&["kill", "kafka"]);
    let health = server
        .rest
        .wait_for("/health", "the source is down", |_, health| {
            health["sources"]["orders"]["status"] == "DOWN"
        })
        .await;
    assert_ne!(health["sources"]["orders"]["reason"], Value::Null);
    stack.parts(&["start", "kafka"]);
    some_more().await;
    server.kill();
    server = serve();
    let expected = i64::try_from(RECORDS).unwrap();
    eventually("all is stored", async || count().await >= expected).await;
    assert_eq!(count().await, expected);
    let double = "SELECT count(*) - count(DISTINCT event_id) FROM saga_steps";
    assert_eq!(harness.sql_count(double).await, 0);
    let letters = "SELECT count(*) FROM dead_letter";
    eventually("all dead letters are kept", async || {
        harness.sql_count(letters).await >= 20
    })
    .await;
    assert_eq!(harness.sql_count(letters).await, 20);
    let up = wait_for_source(&server.rest, "orders", "UP").await;
    assert_eq!(up["topic"], producer.topic());
    assert_eq!(server.terminate(), Some(0));
}
