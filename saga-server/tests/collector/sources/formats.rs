//! Each format as real writers write it.

use std::sync::atomic::{AtomicI64, Ordering};

use saga_collector::{ingest::RegistryConfig, secret::Secret};
use saga_gateway::source::SourceFormat;
use serde_json::{Value, json};

use super::{RULES, Sources, is_refused_order, send, send_with, wait_for_outcome};
use crate::{
    schema_registry::register,
    support::{TestProducer, part},
};

fn placed(order: &str) -> Value {
    json!({"type": "OrderPlaced", "order": order, "total": 12.50})
}

fn refused(order: &str) -> Value {
    json!({"type": "PaymentRefused", "order": order, "reason": "no funds"})
}

/// Both documents of an order, and one that no rule takes.
fn documents(order: &str) -> [Value; 3] {
    [placed(order), json!({"type": "PageViewed"}), refused(order)]
}

#[tokio::test(flavor = "multi_thread")]
async fn domain_events_in_json_become_sagas_once_however_often_they_are_read() {
    let mut sources = Sources::new().await;
    let rules = RULES.replace("DOC", "event");
    let producer = sources.add("orders", SourceFormat::Json, &rules).await;
    let server = sources.start().await;
    for n in 0..50 {
        for document in documents(&format!("json-{n}")) {
            send(&producer, &format!("json-{n}"), &document.to_string());
        }
    }
    producer.flush();
    for n in 0..50 {
        is_refused_order(&server.rest, &format!("json-{n}")).await;
    }
    wait_for_outcome(&server.rest, "orders", "mapped", 100).await;
    wait_for_outcome(&server.rest, "orders", "ignored", 50).await;
    let health = super::wait_for_source(&server.rest, "orders", "UP").await;
    assert_eq!(health["topic"], producer.topic());
    server.stop().await;

    // A group that has committed nothing reads all of it again.
    sources.config.sources[0].group.push_str("-again");
    let server = sources.start().await;
    wait_for_outcome(&server.rest, "orders", "mapped", 100).await;
    let duplicates = "saga_tracker_duplicates_total 100\n";
    server
        .rest
        .wait_for("/metrics", duplicates, |_, page| {
            page.as_str().is_some_and(|page| page.contains(duplicates))
        })
        .await;
    let count = sources.harness.sql_count("SELECT count(*) FROM saga_steps").await;
    assert_eq!(count, 100);
    let none = "saga_tracker_source_lag{source=\"orders\",partition=\"0\"} 0\n";
    server
        .rest
        .wait_for("/metrics", none, |_, page| {
            page.as_str().is_some_and(|page| page.contains(none))
        })
        .await;
    assert!(sources.harness.dead_letters(0).await.is_empty());
    server.stop().await;

    // A dry run shows the same without a group.
    let shown = tokio::task::block_in_place(|| sources.map_topic(1_000));
    let counts =
        [&shown["steps"], &shown["sagas"], &shown["ignored"]].map(|list| list.as_array().unwrap().len());
    assert_eq!(counts, [100, 50, 50], "{shown}");
    let limited = tokio::task::block_in_place(|| sources.map_topic(3));
    assert_eq!(limited["documents"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_are_read_with_their_attributes_around_them_or_in_headers() {
    let mut sources = Sources::new().await;
    let rules = RULES
        .replace("DOC.type", "attributes.type")
        .replace("DOC", "event");
    let producer = sources.add("cloud", SourceFormat::CloudEvents, &rules).await;
    let server = sources.start().await;
    let structured = json!({
        "specversion": "1.0", "id": "1", "source": "/orders", "type": "OrderPlaced", "time": "2026-11-22T08:26:40Z",
        "data": {"order": "cloud-1", "total": 12.50},
    });
    let content_type = [("content-type", "application/cloudevents+json; charset=UTF-8")];
    let binary = [
        ("ce_specversion", "1.0"),
        ("ce_id", "2"),
        ("ce_source", "/orders"),
        ("ce_type", "PaymentRefused"),
        ("ce_time", "2026-11-22T08:26:42Z"),
        ("content-type", "application/json"),
    ];
    let data = json!({"order": "cloud-1", "reason": "no funds"}).to_string();
    // Each twice: a producer that sends again sends the same CloudEvent.
    for _ in 0..2 {
        send_with(&producer, "cloud-1", Some(&structured.to_string()), &content_type);
        send_with(&producer, "cloud-1", Some(&data), &binary);
    }
    producer.flush();
    let saga = is_refused_order(&server.rest, "cloud-1").await;
    assert_eq!(saga["startedAt"], "2026-11-22T08:26:40.000Z");
    wait_for_outcome(&server.rest, "cloud", "mapped", 4).await;
    is_refused_order(&server.rest, "cloud-1").await;
    server.stop().await;
}

const ORDER_SCHEMA: &str = r#"{"type":"record","name":"OrderEvent","namespace":"shop","fields":[
    {"name":"type","type":{"type":"enum","name":"Type","symbols":["OrderPlaced","PaymentRefused"]}},
    {"name":"order","type":"string"},{"name":"reason","type":["null","string"],"default":null},
    {"name":"total","type":["null","double"],"default":null}]}"#;

/// An order's event in Avro, by hand: lengths and numbers below 64 are one byte, twice as large.
fn avro(schema_id: u32, symbol: u8, order: &str, reason: Option<&str>) -> Vec<u8> {
    let text = |text: &str| {
        let length = u8::try_from(text.len() * 2).unwrap();
        [&[length], text.as_bytes()].concat()
    };
    let reason = reason.map_or_else(|| vec![0], |reason| [vec![2], text(reason)].concat());
    [
        &[0],
        &schema_id.to_be_bytes()[..],
        &[symbol * 2],
        &text(order),
        &reason,
        &[0],
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn avro_is_read_by_the_schema_in_the_registry() {
    let registry = part("SCHEMA_REGISTRY_URL", "a schema registry");
    let mut sources = Sources::new().await;
    sources.config.schema_registry = Some(RegistryConfig {
        url: Secret::new(&registry),
        ca_file: None,
    });
    let rules = RULES.replace("DOC", "event");
    let producer = sources.add("avro", SourceFormat::Avro, &rules).await;
    let subject = format!("{}-value", producer.topic());
    let id = register(&registry, &subject, ORDER_SCHEMA).await;
    let text = register(&registry, &format!("{subject}-text"), "\"string\"").await;
    let server = sources.start().await;
    producer.send_raw(Some(b"avro-1"), &avro(id, 0, "avro-1", None));
    producer.send_raw(Some(b"unknown"), &avro(9_999_999, 0, "avro-1", None));
    producer.send_raw(Some(b"cut"), &avro(id, 0, "avro-1", None)[..8]);
    producer.send_raw(
        Some(b"no-record"),
        &[&[0], &text.to_be_bytes()[..], &[2, b'x']].concat(),
    );
    producer.send_raw(Some(b"json"), placed("avro-1").to_string().as_bytes());
    producer.send_raw(Some(b"avro-1"), &avro(id, 1, "avro-1", Some("no funds")));
    producer.flush();
    is_refused_order(&server.rest, "avro-1").await;
    let letters = sources.harness.dead_letters(4).await;
    let kind = |key: &str| {
        let letter = letters
            .iter()
            .find(|letter| letter.key.as_deref() == Some(key.as_bytes()));
        letter
            .unwrap()
            .text(saga_types::topic::dead_letter_headers::EXCEPTION_FQCN)
    };
    assert_eq!(letters.len(), 4);
    assert_eq!(kind("unknown"), "saga.tracker.UNKNOWN_SCHEMA_ID");
    for key in ["cut", "no-record", "json"] {
        assert_eq!(kind(key), "saga.tracker.NOT_THE_FORMAT", "{key}");
    }
    server.stop().await;
}

/// As the JSON converter of Kafka Connect writes a value when `schemas.enable` is on.
fn with_schema(payload: &Value) -> String {
    json!({"schema": {"type": "struct", "fields": [], "optional": false, "name": "shop.Envelope"}, "payload": payload})
        .to_string()
}

/// Each further in the log than the one before.
fn change(operation: &str, before: Value, after: Value) -> Value {
    static LSN: AtomicI64 = AtomicI64::new(26_523_144);
    json!({
        "before": before, "after": after, "op": operation, "ts_ms": 1_760_000_000_999_i64, "transaction": null,
        "source": {"version": "3.0.0.Final", "connector": "postgresql", "name": "shop", "ts_ms": 1_760_000_000_123_i64,
            "snapshot": "false", "db": "shop", "schema": "public", "table": "orders", "txId": 731,
            "lsn": LSN.fetch_add(1, Ordering::Relaxed)},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_outbox_are_read_as_debezium_writes_them() {
    let mut sources = Sources::new().await;
    let rules = RULES
        .replace("DOC", "event")
        .replace("defaults:", "defaults:\n  recordedAt: '1760000000000'");
    let producer = sources.add("outbox", SourceFormat::DebeziumOutbox, &rules).await;
    let server = sources.start().await;
    let routed = |id: &str, value: &str| {
        let id = id.to_owned();
        let producer: &TestProducer = &producer;
        send_with(producer, "order", Some(value), &[("id", &id)]);
    };
    // By the event router: expanded, as a text, and with the schema of that text; the last one is written again.
    routed("r-1", &placed("routed-1").to_string());
    for _ in 0..2 {
        let text = Value::from(refused("routed-1").to_string());
        routed("r-2", &with_schema(&text));
    }
    routed("r-3", &Value::from(placed("routed-2").to_string()).to_string());
    routed("r-4", &refused("routed-2").to_string());
    // Without the router: rows that are inserted, and deleted at once.
    for (id, payload) in [("t-1", placed("row-1")), ("t-2", refused("row-1"))] {
        let row = json!({"id": id, "aggregatetype": "order", "aggregateid": "row-1", "payload": payload.to_string()});
        send(
            &producer,
            id,
            &with_schema(&change("c", Value::Null, row.clone())),
        );
        send(&producer, id, &with_schema(&change("d", row, Value::Null)));
        send_with(&producer, id, None, &[]);
    }
    producer.flush();
    for saga in ["routed-1", "routed-2", "row-1"] {
        is_refused_order(&server.rest, saga).await;
    }
    wait_for_outcome(&server.rest, "outbox", "mapped", 7).await;
    wait_for_outcome(&server.rest, "outbox", "ignored", 4).await;
    is_refused_order(&server.rest, "routed-1").await;
    assert!(sources.harness.dead_letters(0).await.is_empty());
    server.stop().await;
}

const ROWS: &str = "
defaults:
  sagaId: string(event.after.id)
  orderId: event.after.id
  sagaType: ORDER_CREATION
  service: \"'order-service'\"
rules:
  - when: event.op in ['c', 'r'] && event.after.status == 'PLACED'
    step: ORDER_CREATED
    status: STARTED
    metadata: { amount: event.after.total }
  - when: event.op == 'u' && event.before.status != event.after.status && event.after.status == 'REFUSED'
    step: PAYMENT_FAILED
    status: FAILED
    metadata: { failureReason: event.after.reason }
";

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_changed_are_read_with_and_without_their_schema() {
    let mut sources = Sources::new().await;
    let producer = sources.add("rows", SourceFormat::Debezium, ROWS).await;
    let server = sources.start().await;
    let row =
        |id: i64, status: &str| json!({"id": id, "status": status, "total": 12.50, "reason": "no funds"});
    for (id, is_wrapped) in [(4711, true), (4712, false)] {
        let key = json!({ "id": id }).to_string();
        let changes = [
            change("c", Value::Null, row(id, "PLACED")),
            change("u", row(id, "PLACED"), row(id, "REFUSED")),
            change("u", row(id, "REFUSED"), row(id, "REFUSED")),
            change("d", row(id, "REFUSED"), Value::Null),
        ];
        for change in changes {
            let value = match is_wrapped {
                true => with_schema(&change),
                false => change.to_string(),
            };
            send(&producer, &key, &value);
        }
        send_with(&producer, &key, None, &[]);
    }
    producer.flush();
    for saga in ["4711", "4712"] {
        let saga = is_refused_order(&server.rest, saga).await;
        assert_eq!(saga["startedAt"], "2025-10-09T08:53:20.123Z");
    }
    wait_for_outcome(&server.rest, "rows", "mapped", 4).await;
    wait_for_outcome(&server.rest, "rows", "ignored", 6).await;
    // The connector was restarted, and writes its last change again, at another time.
    let mut again = change("u", row(4711, "PLACED"), row(4711, "REFUSED"));
    again["source"]["lsn"] = json!(7);
    for read_at in [1_760_000_001_000_i64, 1_760_000_009_000] {
        again["ts_ms"] = json!(read_at);
        send(&producer, &json!({ "id": 4711 }).to_string(), &again.to_string());
    }
    send(
        &producer,
        "heartbeat",
        &json!({"ts_ms": 1_760_000_009_999_i64}).to_string(),
    );
    producer.flush();
    wait_for_outcome(&server.rest, "rows", "mapped", 6).await;
    wait_for_outcome(&server.rest, "rows", "ignored", 7).await;
    let saga = server.rest.saga_with_steps("4711", 3).await;
    assert_eq!(saga["stepCount"], 3, "what is written twice is one event");
    assert!(sources.harness.dead_letters(0).await.is_empty());
    server.stop().await;
}
