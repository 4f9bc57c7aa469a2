//! Records that Debezium 3.6.1 wrote of tables of PostgreSQL: `debezium_records.ndjson`, in which a long column was cut.

use std::{collections::BTreeMap, sync::LazyLock};

use saga_types::SagaEvent;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    MappedRecord, SourceFormat, SourceRecord, SourceValue, opened,
    tests::{mapper, record},
};

/// A record that was seen.
#[derive(Deserialize)]
struct Seen {
    name: String,
    key: Option<String>,
    headers: BTreeMap<String, String>,
    value: Option<String>,
}

static SEEN: LazyLock<Vec<Seen>> = LazyLock::new(|| {
    let lines = include_str!("debezium_records.ndjson").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
});

fn seen(name: &str) -> SourceRecord<'static> {
    let seen = SEEN.iter().find(|seen| seen.name == name);
    let seen = seen.unwrap_or_else(|| panic!("no record {name}"));
    let headers = seen.headers.iter();
    SourceRecord {
        key: seen.key.as_deref().map(str::as_bytes),
        value: seen
            .value
            .as_deref()
            .map(|value| SourceValue::Bytes(value.as_bytes())),
        headers: headers
            .map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())))
            .collect(),
        ..record("")
    }
}

/// The document of a record that was seen, and its attributes.
fn document(format: SourceFormat, name: &str) -> (Value, Value) {
    let opened = opened(format, &seen(name), "orders").unwrap();
    let opened = opened.unwrap_or_else(|| panic!("{name} is no document"));
    (
        serde_json::from_str(&opened.data).unwrap(),
        opened.attributes.into(),
    )
}

fn mapped(rule: &str, record: &SourceRecord<'_>) -> SagaEvent {
    match mapper(SourceFormat::Debezium, rule).map(record) {
        MappedRecord::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

/// A record of the same row, written at another time.
fn later(name: &str, changes: &[(&str, &str)]) -> String {
    let value = SEEN
        .iter()
        .find(|seen| seen.name == name)
        .unwrap()
        .value
        .clone()
        .unwrap();
    changes.iter().fold(value, |value, (from, to)| {
        assert!(value.contains(from), "{from}");
        value.replace(from, to)
    })
}

/// As a rule for orders that exist already says it.
const PLACED: &str = "
rules:
  - when: event.op in ['c', 'r'] && !('__debezium.oldkey' in attributes)
    sagaId: event.after.order_no
    orderId: string(event.after.id)
    sagaType: ORDER_CREATION
    step: ORDER_CREATED
    status: STARTED
    recordedAt: event.after.placed_at
    metadata: { channel: json(event.after.details).channel, orderAmount: event.after.total }
";

#[test]
fn a_row_is_the_same_event_however_often_a_snapshot_reads_it() {
    let value = later(
        "read",
        &[
            ("1796055204836", "1796099999999"),
            ("35799672", "35999999"),
            (
                r#""op":"r","ts_ms":1796055205201"#,
                r#""op":"r","ts_ms":1796099999999"#,
            ),
        ],
    );
    let again = SourceRecord {
        offset: 9_000,
        value: Some(SourceValue::Bytes(value.as_bytes())),
        ..seen("read")
    };
    let event = mapped(PLACED, &seen("read"));
    assert!(
        event.event_id.as_str().starts_with("row-00000000000000000001-"),
        "{event:?}"
    );
    assert_eq!(event.recorded_at.to_string(), "2026-11-22T08:26:40.123Z");
    assert_eq!(mapped(PLACED, &again), event);
    // Of another row, or with other content, it is another event.
    let mut other_key = again.clone();
    other_key.key = Some(br#"{"id":2}"#);
    assert_ne!(mapped(PLACED, &other_key).event_id, event.event_id);
    let value = value.replace("2026-11-22T08:26:40.123456Z", "2026-11-23T08:26:40.123456Z");
    let other_time = SourceRecord {
        value: Some(SourceValue::Bytes(value.as_bytes())),
        ..again
    };
    assert_ne!(mapped(PLACED, &other_time).event_id, event.event_id);
    // One whose time says only when it was read would be another event each time.
    let without = PLACED.replace("    recordedAt: event.after.placed_at\n", "");
    assert_eq!(
        mapper(SourceFormat::Debezium, &without).map(&seen("read")),
        MappedRecord::Refused(
            "rule 1 (line 3): recordedAt is missing: what a snapshot reads has no time of its own".to_owned()
        )
    );
}

#[test]
fn a_row_that_was_inserted_and_is_read_later_is_the_same_event() {
    let created = mapped(PLACED, &seen("created"));
    let value = later(
        "created",
        &[
            (r#""op":"c""#, r#""op":"r""#),
            ("PLACED", "PAID"),
            ("1796055217756", "1796099999999"),
        ],
    );
    let read = SourceRecord {
        value: Some(SourceValue::Bytes(value.as_bytes())),
        ..seen("created")
    };
    assert_eq!(mapped(PLACED, &read), created);
    // By the time of the change it is known by its place in the log, as all changes are.
    let without = PLACED.replace("    recordedAt: event.after.placed_at\n", "");
    let by_place = mapped(&without, &seen("created"));
    assert!(
        by_place
            .event_id
            .as_str()
            .starts_with("chg-00000000000035811864-")
    );
    assert_eq!(by_place.recorded_at.as_millis(), 1_796_055_217_756);
    // A table without a key has no other name of a row than its columns.
    let keyless = SourceRecord {
        key: None,
        ..seen("created")
    };
    assert!(mapped(PLACED, &keyless).event_id.as_str().starts_with("row-"));
    // A row that gets another key is deleted and inserted, and says so.
    assert_eq!(
        mapper(SourceFormat::Debezium, PLACED).map(&seen("created for a new key")),
        MappedRecord::Ignored
    );
}

#[test]
fn what_debezium_writes_of_a_row_is_what_a_mapping_sees() {
    let (read, headers) = document(SourceFormat::Debezium, "read");
    assert_eq!(read["op"], "r");
    assert_eq!(
        read["after"],
        json!({
            "id": 1, "order_no": "0af76519-16cd-43dd-8448-eb211c80319c", "status": "PLACED", "total": "BOI=",
            "weight": {"scale": 4, "value": "MDk="}, "amounts": ["AJY=", "AOE="],
            "placed_at": "2026-11-22T08:26:40.123456Z", "updated_at": 1_795_336_000_123_456_i64,
            "details": "{\"channel\": \"web\"}", "note": null,
        })
    );
    assert_eq!(headers["__debezium.context.connectorName"], "postgresql");
    // With its schema the decimals are numbers, and all else is as without.
    let (with_schema, _) = document(SourceFormat::Debezium, "read with schema");
    let mut expected = read["after"].clone();
    expected["total"] = json!(12.5);
    expected["weight"] = json!(1.2345);
    expected["amounts"] = json!([1.5, 2.25]);
    assert_eq!(with_schema["after"], expected);
    let event = mapped(PLACED, &seen("read with schema"));
    assert_eq!(
        event.metadata.unwrap().as_str(),
        r#"{"channel":"web","orderAmount":12.50}"#
    );
    // A column that is too long, and was not changed.
    let (updated, _) = document(SourceFormat::Debezium, "updated");
    let after = updated["after"].as_object().unwrap();
    assert!(
        after.contains_key("weight") && !after.contains_key("note"),
        "{after:?}"
    );
}

/// The replica identity of a table says how much of a row stands in `before`.
#[test]
fn what_a_row_was_before_is_known_with_the_full_replica_identity() {
    let (updated, _) = document(SourceFormat::Debezium, "updated with the row before");
    assert_eq!(
        (&updated["before"]["status"], &updated["after"]["status"]),
        (&json!("PLACED"), &json!("REFUSED"))
    );
    let (deleted, _) = document(SourceFormat::Debezium, "deleted with the row before");
    assert_eq!(deleted["before"]["status"], "REFUSED");
    let (updated, _) = document(SourceFormat::Debezium, "updated");
    assert!(updated.get("before").is_none(), "{updated}");
    // Columns that must not be null have a value that no row had.
    for name in ["deleted", "deleted with schema", "deleted for a new key"] {
        let (deleted, _) = document(SourceFormat::Debezium, name);
        assert_eq!(
            (&deleted["before"]["status"], &deleted["before"]["placed_at"]),
            (&json!(""), &json!("1970-01-01T00:00:00Z")),
            "{name}"
        );
        assert!(deleted["before"]["id"].is_number());
    }
}

#[test]
fn a_row_of_an_outbox_is_the_same_in_every_form_that_was_seen() {
    for name in [
        "routed as text",
        "routed as JSON",
        "routed with schema",
        "routed and expanded",
        "routed and expanded with schema",
        "routed with headers",
        "outbox row",
    ] {
        let (payload, attributes) = document(SourceFormat::DebeziumOutbox, name);
        assert_eq!(
            (&payload["type"], &payload["total"]),
            (&json!("OrderPlaced"), &json!(12.5)),
            "{name}"
        );
        let id = attributes["id"].as_str().unwrap();
        assert_eq!(id.len(), 36, "{name}: {id}");
        let record = seen(name);
        let opened = opened(SourceFormat::DebeziumOutbox, &record, "orders")
            .unwrap()
            .unwrap();
        let event_id = opened.envelope.event_id.unwrap();
        assert!(
            event_id.as_str().starts_with(&format!("obx-{id}-")),
            "{name}: {event_id:?}"
        );
    }
    let (document_of, attributes) = document(SourceFormat::DebeziumOutbox, "routed with headers");
    assert_eq!(document_of["order"], "s-1");
    assert_eq!(
        (
            &attributes["eventType"],
            &attributes["aggregateType"],
            &attributes["at"]
        ),
        (
            &json!("OrderPlaced"),
            &json!("order"),
            &json!("2026-11-22T08:26:40.123456Z")
        )
    );
    let (beside, _) = document(SourceFormat::DebeziumOutbox, "routed beside a field");
    assert_eq!(
        (&beside["payload"]["order"], &beside["type"]),
        (&json!("s-0"), &json!("OrderPlaced"))
    );
    let (_, row) = document(SourceFormat::DebeziumOutbox, "outbox row");
    assert_eq!(row["created_at"], "2026-11-22T08:26:40.123456Z");
}

#[test]
fn what_the_connector_was_seen_to_write_of_itself_is_ignored() {
    for format in [SourceFormat::Debezium, SourceFormat::DebeziumOutbox] {
        for name in [
            "tombstone",
            "heartbeat",
            "heartbeat with schema",
            "transaction begins",
            "transaction begins with schema",
            "transaction ends",
            "transaction of a message ends",
        ] {
            let opened = opened(format, &seen(name), "orders").unwrap();
            assert_eq!(opened.map(|opened| opened.data), None, "{name}");
        }
    }
    for name in [
        "outbox row deleted",
        "outbox row tombstone",
        "truncated",
        "message",
    ] {
        let opened = opened(SourceFormat::DebeziumOutbox, &seen(name), "orders").unwrap();
        assert_eq!(opened.map(|opened| opened.data), None, "{name}");
    }
    for name in ["truncated", "message", "deleted"] {
        let mapped = mapper(SourceFormat::Debezium, PLACED).map(&seen(name));
        assert_eq!(mapped, MappedRecord::Ignored, "{name}");
    }
}
