//! Changes made by hand as Debezium's documentation has them, of several connectors.

use serde_json::{Value, json};

use super::{
    SourceFormat, SourceRecord, opened,
    tests::{mapper, record},
};
use crate::{cloud_events::Opened, source::MappedRecord};

const TIME: i64 = 1_760_000_000_123;

/// As of the connector for PostgreSQL, with the fields of version 3.
fn source(table: &str, lsn: i64) -> Value {
    json!({
        "version": "3.0.0.Final", "connector": "postgresql", "name": "shop", "ts_ms": TIME, "ts_us": TIME * 1_000,
        "ts_ns": TIME * 1_000_000, "snapshot": "false", "db": "shop", "sequence": "[\"26523144\",\"26523145\"]",
        "schema": "public", "table": table, "txId": 731, "lsn": lsn, "xmin": null,
    })
}

fn change(op: &str, before: Value, after: Value, source: Value) -> Value {
    json!({"before": before, "after": after, "source": source, "transaction": null, "op": op, "ts_ms": TIME + 876})
}

fn paid() -> Value {
    json!({"id": 7, "order_id": "s-1", "status": "PAID"})
}

fn try_open(format: SourceFormat, value: &str) -> Result<Option<Opened>, String> {
    opened(format, &record(value), "orders")
}

fn open(value: &Value) -> Opened {
    try_open(SourceFormat::Debezium, &value.to_string())
        .unwrap()
        .unwrap()
}

fn id_of(value: &Value) -> Option<String> {
    open(value).envelope.event_id.map(|id| id.as_str().to_owned())
}

const RULE: &str = "
rules:
  - when: event.op != 'd'
    sagaId: event.after.order_id
    orderId: event.after.order_id
    sagaType: ORDER_CREATION
    step: PAYMENT_COMPLETED
    status: IN_PROGRESS
    metadata: { note: event.after.note }
";

#[test]
fn a_change_that_is_written_again_is_the_same_event() {
    let first = change("c", Value::Null, paid(), source("orders", 26_523_144));
    let mut again = first.clone();
    // The connector was restarted, perhaps in another version: it says anew when it read the change.
    again["ts_ms"] = json!(TIME + 60_000);
    again["source"]["version"] = json!("3.1.0.Final");
    again["source"]["sequence"] = json!("[null,\"26523145\"]");
    let map = |value: &Value, offset| {
        let text = value.to_string();
        let record = SourceRecord {
            offset,
            timestamp_millis: Some(TIME + offset),
            ..record(&text)
        };
        match mapper(SourceFormat::Debezium, RULE).map(&record) {
            MappedRecord::Event(event) => event,
            other => panic!("{other:?}"),
        }
    };
    let event = map(&first, 7);
    assert_eq!(map(&again, 9_000), event);
    assert!(event.event_id.as_str().starts_with("chg-"), "{event:?}");
    assert_eq!(event.recorded_at.as_millis(), TIME);
}

#[test]
fn changes_at_one_place_are_several_events() {
    let lsn = 26_523_144;
    let first = change("c", Value::Null, paid(), source("orders", lsn));
    // A changed key is a deletion and an insertion; a copy into the table is one record of the log for many rows.
    let others = [
        change("d", paid(), Value::Null, source("orders", lsn)),
        change(
            "c",
            Value::Null,
            json!({"id": 8, "order_id": "s-1", "status": "PAID"}),
            source("orders", lsn),
        ),
        change("u", paid(), paid(), source("orders", lsn)),
        change("c", Value::Null, paid(), source("orders", lsn + 1)),
    ];
    for other in others {
        assert_ne!(id_of(&other), id_of(&first), "{other}");
    }
    let of_lsn = |lsn| id_of(&change("c", Value::Null, paid(), source("orders", lsn))).unwrap();
    assert!(
        [9, 10, 255, 1 << 40].map(of_lsn).is_sorted(),
        "places keep their order"
    );
}

#[test]
fn each_connector_says_in_its_own_way_where_a_change_is() {
    let mysql = json!({"connector": "mysql", "ts_ms": TIME, "file": "mysql-bin.000003", "pos": 154, "row": 0, "gtid": null});
    let next_row = json!({"connector": "mysql", "ts_ms": TIME, "file": "mysql-bin.000003", "pos": 154, "row": 1, "gtid": null});
    let sql_server = json!({"connector": "sqlserver", "ts_ms": TIME, "change_lsn": "00000027:00000758:0003",
        "commit_lsn": "00000027:00000758:0005", "event_serial_no": "1"});
    let mongo = json!({"connector": "mongodb", "ts_ms": TIME, "rs": "rs0", "collection": "orders", "ord": 31, "h": null});
    let of = |source: &Value| id_of(&change("c", Value::Null, paid(), source.clone())).unwrap();
    for source in [&mysql, &sql_server, &mongo] {
        assert!(of(source).starts_with("chg-"), "{source}");
        assert!(of(source).len() <= saga_types::MAX_NAME_CHARS);
    }
    assert!(of(&mysql) < of(&next_row));
    // Counted within the moment.
    let mut later = mongo.clone();
    later["ts_ms"] = json!(TIME + 1);
    assert_ne!(of(&later), of(&mongo));
    // Without a place it is the record.
    let oracle = json!({"connector": "oracle", "ts_ms": TIME, "scn": "2122185", "txId": "6.28.807"});
    assert!(of(&oracle).starts_with("rec-"));
}

#[test]
fn what_the_connector_writes_of_itself_is_ignored_in_every_form() {
    let deleted = change("d", paid(), Value::Null, source("orders", 1));
    for record in [
        json!({"ts_ms": TIME}),
        json!({"status": "BEGIN", "id": "571", "event_count": null, "data_collections": null, "ts_ms": TIME}),
        json!({"status": "END", "id": "571", "event_count": 2, "data_collections": [{"data_collection": "s1.a", "event_count": 2}]}),
        json!({"source": {"ts_ms": TIME}, "databaseName": "shop", "schemaName": null, "ddl": "CREATE TABLE a (id int)", "tableChanges": []}),
        Value::Null,
    ] {
        let wrapped =
            json!({"schema": {"type": "struct", "fields": [], "optional": false}, "payload": record});
        let without = json!({"schema": null, "payload": record});
        for value in [record.to_string(), wrapped.to_string(), without.to_string()] {
            for format in [SourceFormat::Debezium, SourceFormat::DebeziumOutbox] {
                assert_eq!(
                    try_open(format, &value).unwrap().map(|opened| opened.data),
                    None,
                    "{value}"
                );
            }
        }
    }
    assert!(
        try_open(SourceFormat::DebeziumOutbox, &deleted.to_string())
            .unwrap()
            .is_none()
    );
    // A payload of a domain may have a status and an id.
    let payload = json!({"status": "BEGIN", "id": "571"}).to_string();
    assert!(
        try_open(SourceFormat::DebeziumOutbox, &payload)
            .unwrap()
            .is_some()
    );
    // With the connector's own transactions, each change says which one it is of.
    let mut within = change("c", Value::Null, paid(), source("orders", 1));
    within["transaction"] = json!({"id": "571", "total_order": 1, "data_collection_order": 1});
    let document: Value = serde_json::from_str(&open(&within).data).unwrap();
    assert_eq!(document["transaction"]["total_order"], 1);
}

#[test]
fn an_unavailable_value_is_missing() {
    const UNAVAILABLE: &str = "__debezium_unavailable_value";
    let row = json!({
        "id": 7, "order_id": "s-1", "status": "PAID", "total": 12.50, "none": null, "note": UNAVAILABLE,
        "raw": "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==", "tags": [UNAVAILABLE], "map": {UNAVAILABLE: UNAVAILABLE},
        "quoted": "not __debezium_unavailable_value", "two": [UNAVAILABLE, "a"],
    });
    let updated = change("u", Value::Null, row, source("orders", 1));
    let document: Value = serde_json::from_str(&open(&updated).data).unwrap();
    let after = document["after"].as_object().unwrap();
    let names: Vec<&str> = after.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["id", "none", "order_id", "quoted", "status", "total", "two"]
    );
    let text = updated.to_string();
    match mapper(SourceFormat::Debezium, RULE).map(&record(&text)) {
        MappedRecord::Event(event) => assert!(!format!("{event:?}").contains(UNAVAILABLE), "{event:?}"),
        other => panic!("{other:?}"),
    }
    let without_order = text.replace("s-1", UNAVAILABLE);
    let refused = mapper(SourceFormat::Debezium, RULE).map(&record(&without_order));
    assert_eq!(
        refused,
        MappedRecord::Refused("rule 1 (line 3): sagaId is missing".to_owned())
    );
    // As a text, as MongoDB's rows are; its digits stay.
    let packed = r#"{"op":"u","after":"{\"order_id\":\"s-1\",\"total\":12.50,\"note\":\"__debezium_unavailable_value\"}"}"#;
    let opened = try_open(SourceFormat::Debezium, packed).unwrap().unwrap();
    assert!(
        opened.data.contains("12.50") && !opened.data.contains("note"),
        "{}",
        opened.data
    );
}

#[test]
fn a_time_may_be_a_text() {
    let value = json!({"before": null, "after": paid(), "source": {}, "op": "c", "ts_ms": TIME.to_string()});
    assert_eq!(open(&value).envelope.recorded_at.unwrap().as_millis(), TIME);
    let id = id_of(&value).unwrap();
    assert!(id.starts_with("rec-"), "when it was read differs each time: {id}");
}
