//! Writers with a schema registry: a real one, and a stub for its faults.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicUsize, Ordering},
};

use crate::{
    hostile_records,
    support::{Harness, TestProducer, events::event, part, running::Running},
};
use axum::{Json, Router, extract::Path, http::StatusCode, response::IntoResponse, routing::get};
use saga_collector::{ingest::RegistryConfig, secret::Secret};
use saga_types::{
    SagaEvent, SagaStatus,
    avro::{self, Framing, SchemaVersion},
    steps,
    topic::dead_letter_headers,
};
use serde_json::{Value, json};

fn started(saga_id: &str) -> SagaEvent {
    event(saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started)
}

pub(crate) async fn register(registry: &str, subject: &str, schema: &str) -> u32 {
    let url = format!("{registry}/subjects/{subject}/versions");
    let answer = saga_collector::http_client::plain_client()
        .post(url)
        .json(&json!({ "schema": schema }))
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let answer: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{answer}");
    u32::try_from(answer["id"].as_u64().unwrap()).unwrap()
}

fn send(producer: &TestProducer, event: &SagaEvent, version: SchemaVersion, schema_id: u32) {
    let value = avro::encode(event, version, Framing::Confluent { schema_id }).unwrap();
    producer.send_raw(Some(event.saga_id.as_str().as_bytes()), &value);
}

/// Version 2 with a field in front that we do not know.
fn newer_schema() -> String {
    let mut schema: Value = serde_json::from_str(SchemaVersion::V2.json()).unwrap();
    schema["fields"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"name": "region", "type": "string"}));
    schema.to_string()
}

async fn with_registry(harness: &Harness, url: &str) -> Running {
    let mut config = harness.config();
    config.schema_registry = Some(RegistryConfig {
        url: Secret::new(url),
        ca_file: None,
    });
    Running::with(config).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_framings_and_any_schema_that_resolves_are_read_from_one_topic() {
    let registry = part("SCHEMA_REGISTRY_URL", "a schema registry");
    let harness = Harness::new().await;
    let subject = format!("{}-value", harness.topic);
    let server = with_registry(&harness, &registry).await;
    let producer = harness.producer();

    let v1 = register(&registry, &subject, SchemaVersion::V1.json()).await;
    let v2 = register(&registry, &subject, SchemaVersion::V2.json()).await;
    let newer = register(&registry, &format!("{subject}-newer"), &newer_schema()).await;
    let text = register(&registry, &format!("{subject}-text"), "\"string\"").await;
    send(&producer, &started("by-v1"), SchemaVersion::V1, v1);
    send(&producer, &started("by-v2"), SchemaVersion::V2, v2);
    producer.send(&started("without-registry"));
    let body = &avro::encode(&started("by-newer"), SchemaVersion::V2, Framing::SingleObject).unwrap()[10..];
    let newer_value = [&[0][..], &newer.to_be_bytes(), &[4], b"kr", body].concat();
    producer.send_raw(None, &newer_value);
    send(&producer, &started("unusable"), SchemaVersion::V2, text);
    send(&producer, &started("unknown"), SchemaVersion::V2, 9_999_999);
    producer.flush();

    for saga_id in ["by-v1", "by-v2", "without-registry", "by-newer"] {
        server.rest.saga_with_steps(saga_id, 1).await;
    }
    let letters = harness.dead_letters(2).await;
    let kind = |key: &[u8]| {
        let letter = letters
            .iter()
            .find(|letter| letter.key.as_deref() == Some(key))
            .unwrap();
        letter.text(dead_letter_headers::EXCEPTION_FQCN)
    };
    assert_eq!(letters.len(), 2);
    assert_eq!(kind(b"unusable"), "saga.tracker.UNUSABLE_SCHEMA");
    assert_eq!(kind(b"unknown"), "saga.tracker.UNKNOWN_SCHEMA_ID");
    server.stop().await;
}

/// A registry with trouble: the first answers are of status 503, and every question is counted.
async fn troubled_registry(failures: usize) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let answer = async move |Path(id): Path<u32>| {
        if counter.fetch_add(1, Ordering::SeqCst) < failures {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        match id {
            7 => Ok(Json(json!({ "schema": SchemaVersion::V2.json() }))),
            _ => Err(StatusCode::NOT_FOUND),
        }
    };
    let router = Router::new().route("/schemas/ids/{id}", get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_trouble_is_waited_for_and_then_asked_once_for_each_id() {
    let harness = Harness::new().await;
    let (url, asked) = troubled_registry(3).await;
    let server = with_registry(&harness, &url).await;
    let producer = harness.producer();
    for n in 0..50 {
        send(&producer, &started(&format!("patient-{n}")), SchemaVersion::V2, 7);
        producer.flush();
    }
    for n in 0..50 {
        server.rest.saga_with_steps(&format!("patient-{n}"), 1).await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 4, "three failures and one answer");
    assert!(
        harness.dead_letters(0).await.is_empty(),
        "trouble is not bad data"
    );
    server.stop().await;
}

/// Version 2 with a field more.
fn with_field(schema: &Value) -> String {
    let mut whole: Value = serde_json::from_str(SchemaVersion::V2.json()).unwrap();
    let field = json!({"name": "more", "type": schema});
    whole["fields"].as_array_mut().unwrap().push(field);
    whole.to_string()
}

/// Each record names the one before twice.
fn doubled(times: usize) -> Value {
    let first = json!({"type": "record", "name": "R0", "fields": [{"name": "a", "type": "null"}, {"name": "b", "type": "null"}]});
    (1..times).fold(first, |inner, number| {
        let name = format!("R{number}");
        let again = inner["name"].clone();
        json!({"type": "record", "name": name, "fields": [{"name": "a", "type": inner}, {"name": "b", "type": again}]})
    })
}

/// Lists of lists, so many.
fn lists(levels: usize) -> Value {
    (0..levels).fold(
        json!("string"),
        |inner, _| json!({"type": "array", "items": inner}),
    )
}

/// Each of so many records has the one before; only their names stand within each other.
fn chain(types: usize) -> Value {
    let record = |number: usize, of: String| json!({"type": "record", "name": format!("C{number}"), "fields": [{"name": "a", "type": of}]});
    let further = (1..types).map(|number| record(number, format!("C{}", number - 1)));
    std::iter::once(record(0, "string".to_owned()))
        .chain(further)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_that_nobody_can_use_hold_up_nothing() {
    let list = json!({"type": "array", "items": "null"});
    let fixed = json!({"type": "fixed", "name": "F", "size": i64::MAX});
    let schemas = [
        (1, with_field(&list)),
        (2, with_field(&doubled(25))),
        (3, format!("\"{}\"", "x".repeat(3 * 1024 * 1024))),
        (4, with_field(&lists(115))),
        (5, with_field(&chain(3_000))),
        (6, with_field(&fixed)),
        (7, SchemaVersion::V2.json().to_owned()),
    ];
    let answer = async move |Path(id): Path<u32>| {
        let schema = schemas.iter().find(|(known, _)| *known == id);
        schema
            .map(|(_, schema)| Json(json!({ "schema": schema })))
            .ok_or(StatusCode::NOT_FOUND)
    };
    let router = Router::new().route("/schemas/ids/{id}", get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let harness = Harness::new().await;
    let server = with_registry(&harness, &url).await;
    let producer = harness.producer();
    let body = &avro::encode(&started("bad"), SchemaVersion::V2, Framing::SingleObject).unwrap()[10..];
    // Of the list: a block of so many elements, which take no bytes, and no other block.
    let blocks = [0x80, 0x40, 0];
    for (id, rest) in [
        (1_u32, &blocks[..]),
        (2, &[]),
        (3, &[]),
        (4, &[0]),
        (5, &[0]),
        (6, &[]),
    ] {
        let value = [&[0][..], &id.to_be_bytes(), body, rest].concat();
        producer.send_raw(Some(b"bad"), &value);
    }
    send(&producer, &started("good"), SchemaVersion::V2, 7);
    producer.flush();
    server.rest.saga_with_steps("good", 1).await;
    for letter in harness.dead_letters(6).await {
        let kind = letter.text(dead_letter_headers::EXCEPTION_FQCN);
        assert_eq!(kind, "saga.tracker.UNUSABLE_SCHEMA");
    }
    server.stop().await;
}

/// What stands at a registry's address.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Standing {
    Ingress,
    Registry,
}

/// At first a proxy that knows no registry, later one that has schema 7 with references.
async fn registry_later(standing: Arc<AtomicU8>) -> String {
    let mut schema: Value = serde_json::from_str(SchemaVersion::V2.json()).unwrap();
    let namespace = schema["namespace"].as_str().unwrap().to_owned();
    let mut named: Vec<(String, Value)> = Vec::new();
    for field in schema["fields"].as_array_mut().unwrap() {
        if field["type"]["type"] == "enum" {
            let mut definition = field["type"].take();
            definition["namespace"] = namespace.clone().into();
            let name = format!("{namespace}.{}", definition["name"].as_str().unwrap());
            field["type"] = name.clone().into();
            named.push((name, definition));
        }
    }
    let references: Vec<Value> = named
        .iter()
        .map(|(name, _)| json!({"name": name, "subject": name, "version": 1}))
        .collect();
    let main = json!({"schema": schema.to_string(), "references": references});
    let by_id = async move |Path(id): Path<u32>| match (standing.load(Ordering::SeqCst), id) {
        (0, _) => (StatusCode::NOT_FOUND, "<html>no such page</html>").into_response(),
        (_, 7) => Json(main.clone()).into_response(),
        _ => (StatusCode::NOT_FOUND, Json(json!({"error_code": 40403}))).into_response(),
    };
    let by_subject = async move |Path((subject, _)): Path<(String, u32)>| {
        let found = named.iter().find(|(name, _)| *name == subject);
        found
            .map(|(_, schema)| Json(json!({"schema": schema.to_string()})))
            .ok_or((StatusCode::NOT_FOUND, Json(json!({"error_code": 40401}))))
    };
    let router = Router::new()
        .route("/schemas/ids/{id}", get(by_id))
        .route("/subjects/{subject}/versions/{version}", get(by_subject));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_registry_says_what_is_unknown_and_its_references_are_followed() {
    let harness = Harness::new().await;
    let standing = Arc::new(AtomicU8::new(Standing::Ingress as u8));
    let server = with_registry(&harness, &registry_later(standing.clone()).await).await;
    let producer = harness.producer();
    let started = event("by-reference", 0, steps::ORDER_CREATED, SagaStatus::Started);
    let framing = |schema_id| Framing::Confluent { schema_id };
    let value = avro::encode(&started, SchemaVersion::V2, framing(7)).unwrap();
    // What was read before is stored and committed although the registry is not there.
    producer.send_raw(Some(b"before"), &hostile_records::value("before"));
    producer.flush();
    server.rest.saga_with_steps("before", 1).await;
    producer.send_raw(Some(b"by-reference"), &value);
    for id in [8, 9, u32::MAX] {
        producer.send_raw(
            None,
            &avro::encode(&started, SchemaVersion::V2, framing(id)).unwrap(),
        );
    }
    producer.flush();
    server
        .rest
        .wait_for("/health", "the registry is down", |_, health| {
            health["components"]["schemaRegistry"]["status"] == "DOWN"
        })
        .await;
    assert!(
        harness.dead_letters(0).await.is_empty(),
        "an ingress knows no ids"
    );
    standing.store(Standing::Registry as u8, Ordering::SeqCst);
    server.rest.saga_with_steps("by-reference", 1).await;
    let letters = harness.dead_letters(3).await;
    for letter in &letters {
        let kind = letter.text(dead_letter_headers::EXCEPTION_FQCN);
        assert_eq!(kind, "saga.tracker.UNKNOWN_SCHEMA_ID");
    }
    server.rest.wait_until_ready().await;
    server.stop().await;
}
