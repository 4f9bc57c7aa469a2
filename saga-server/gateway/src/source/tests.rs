//! Records as real writers write them: what a mapping sees of each, and which are no documents.

use saga_sdk_testkit::Recorder;
use serde_json::{Value, json};

use super::*;
use crate::{GatewayConfig, mapping::Mapping, publish::Publisher};

const TIME: i64 = 1_760_000_000_000;

pub(super) fn record(value: &str) -> SourceRecord<'_> {
    SourceRecord {
        topic: "shop.orders",
        partition: 2,
        offset: 7,
        timestamp_millis: Some(TIME),
        key: Some(b"order-1"),
        value: Some(SourceValue::Bytes(value.as_bytes())),
        headers: Vec::new(),
    }
}

fn with_headers<'a>(value: &'a str, headers: &[(&'a str, &'a str)]) -> SourceRecord<'a> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())));
    SourceRecord {
        headers: headers.collect(),
        ..record(value)
    }
}

fn document(format: SourceFormat, record: &SourceRecord<'_>) -> (Value, Value) {
    let opened = opened(format, record, "orders").unwrap().unwrap();
    (
        serde_json::from_str(&opened.data).unwrap(),
        opened.attributes.into(),
    )
}

fn undecodable(format: SourceFormat, value: &str) -> String {
    opened(format, &record(value), "orders").unwrap_err()
}

pub(super) fn mapper(format: SourceFormat, yaml: &str) -> SourceMapper {
    let publisher = Publisher::with_client(Recorder::new("gateway").client());
    let mapping = Mapping::from_yaml("orders", yaml).unwrap();
    let gateway =
        Gateway::new(GatewayConfig::default(), publisher).with_mappings([mapping].into_iter().collect());
    SourceMapper::new(Arc::new(gateway), "orders", format).unwrap()
}

const RULE: &str = "
rules:
  - when: event.type == 'placed'
    sagaId: event.order
    orderId: resource.key
    sagaType: ORDER_CREATION
    step: ORDER_CREATED
    status: STARTED
    metadata: { topic: resource.topic, tenant: attributes.tenant }
";

fn event(record: &SourceRecord<'_>) -> SagaEvent {
    match mapper(SourceFormat::Json, RULE).map(record) {
        MappedRecord::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_is_named_by_where_its_record_lies() {
    let value = r#"{"type":"placed","order":"s-1"}"#;
    let first = event(&with_headers(value, &[("tenant", "a")]));
    assert_eq!(first.order_id.as_str(), "order-1");
    assert_eq!(first.recorded_at.as_millis(), TIME);
    assert!(first.event_id.as_str().starts_with("rec-"));
    let metadata = first.metadata.as_ref().unwrap().to_object();
    assert_eq!(
        (&metadata["topic"], &metadata["tenant"]),
        (&json!("shop.orders"), &json!("a"))
    );
    assert_eq!(event(&with_headers(value, &[("tenant", "a")])), first);
    let others = [
        SourceRecord {
            offset: 8,
            ..record(value)
        },
        SourceRecord {
            partition: 1,
            ..record(value)
        },
        SourceRecord {
            timestamp_millis: Some(TIME + 1),
            ..record(value)
        },
        SourceRecord {
            topic: "other",
            ..record(value)
        },
    ];
    for other in others {
        assert_ne!(event(&other).event_id, first.event_id);
    }
    let of_offset = |offset| {
        event(&SourceRecord {
            offset,
            ..record(value)
        })
        .event_id
    };
    let offsets = [0, 9, 10, 255, 4_096, 1 << 40];
    assert!(offsets.map(of_offset).is_sorted(), "a partition keeps its order");
}

#[test]
fn what_becomes_no_event_is_ignored_undecodable_or_refused() {
    let map = |record: &SourceRecord<'_>| mapper(SourceFormat::Json, RULE).map(record);
    assert_eq!(map(&record(r#"{"type":"viewed"}"#)), MappedRecord::Ignored);
    let tombstone = SourceRecord {
        value: None,
        ..record("")
    };
    assert_eq!(map(&tombstone), MappedRecord::Ignored);
    let refused = map(&record(r#"{"type":"placed"}"#));
    assert_eq!(
        refused,
        MappedRecord::Refused("rule 1 (line 3): sagaId is missing".to_owned())
    );
    for wrong in ["", "[]", "{", "{} {}", "text", "\u{0}\u{0}\u{0}\u{0}\u{1}"] {
        let mapped = map(&record(wrong));
        assert!(
            matches!(mapped, MappedRecord::Undecodable(_)),
            "{wrong:?}: {mapped:?}"
        );
    }
    let bytes = SourceRecord {
        value: Some(SourceValue::Bytes(b"\xff")),
        ..record("")
    };
    assert_eq!(map(&bytes), MappedRecord::Undecodable("is not UTF-8".to_owned()));
}

#[test]
fn a_cloud_event_is_opened_in_either_mode() {
    let data = r#"{"order":"s-1"}"#;
    let structured = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/a","type":"placed","time":"2026-11-22T08:26:40Z","data":{data}}}"#
    );
    let attributes = [
        ("ce_specversion", "1.0"),
        ("ce_id", "1"),
        ("ce_source", "/a"),
        ("ce_type", "placed"),
        ("ce_time", "2026-11-22T08:26:40Z"),
        ("content-type", "application/json"),
    ];
    let format = SourceFormat::CloudEvents;
    let named = [("content-type", "Application/CloudEvents+json; charset=UTF-8")];
    let opened = |record: &SourceRecord<'_>| opened(format, record, "orders").unwrap().unwrap();
    let first = opened(&record(&structured));
    for other in [with_headers(&structured, &named), with_headers(data, &attributes)] {
        let other = opened(&other);
        assert_eq!(other.envelope.event_id, first.envelope.event_id);
        assert_eq!(other.envelope.recorded_at, first.envelope.recorded_at);
        assert_eq!(
            (&other.data, &other.attributes["type"]),
            (&first.data, &"placed".into())
        );
    }
    assert!(first.envelope.event_id.is_some());
    let lacking = super::opened(format, &with_headers(data, &attributes[..2]), "orders").unwrap_err();
    assert!(lacking.contains("the header ce_source is missing"), "{lacking}");
    assert!(undecodable(format, data).contains("specversion is missing"));
}

/// As the connector for PostgreSQL writes it, with and without the schema around it.
const CHANGE: &str = r#"{"before":null,"after":{"id":7,"status":"PAID","total":12.50},"source":{"version":"3.0.0.Final",
    "connector":"postgresql","name":"shop","ts_ms":1760000000123,"snapshot":"false","db":"shop","schema":"public",
    "table":"orders","txId":731,"lsn":26523144,"xmin":null},"transaction":null,"op":"c","ts_ms":1760000000999}"#;

#[test]
fn a_row_that_changed_is_seen_with_and_without_its_schema() {
    let wrapped =
        format!(r#"{{"schema":{{"type":"struct","fields":[],"optional":false}},"payload":{CHANGE}}}"#);
    for value in [CHANGE, &wrapped] {
        let (document, _) = document(SourceFormat::Debezium, &record(value));
        assert_eq!(
            (&document["after"]["status"], &document["op"]),
            (&json!("PAID"), &json!("c"))
        );
        assert!(document.get("before").is_none(), "null is missing");
        let opened = opened(SourceFormat::Debezium, &record(value), "orders")
            .unwrap()
            .unwrap();
        assert!(opened.data.contains("12.50"), "{}", opened.data);
        let time = opened.envelope.recorded_at.unwrap();
        assert_eq!(time.as_millis(), 1_760_000_000_123);
    }
}

#[test]
fn a_deleted_row_has_no_after_and_a_text_in_its_place_is_opened() {
    let deleted = CHANGE
        .replace(r#""before":null,"after":"#, r#""after":null,"before":"#)
        .replace(r#""op":"c""#, r#""op":"d""#);
    let rule = RULE.replace("event.type == 'placed'", "event.after.status == 'PAID'");
    assert_eq!(
        mapper(SourceFormat::Debezium, &rule).map(&record(&deleted)),
        MappedRecord::Ignored
    );
    let of_mongo = r#"{"after":"{\"_id\":\"o-1\",\"status\":\"PAID\"}","op":"r","ts_ms":1760000000000,"source":{"ts_ms":0}}"#;
    let (document, _) = document(SourceFormat::Debezium, &record(of_mongo));
    assert_eq!(document["after"]["_id"], "o-1");
    for (wrong, why) in [
        ("{}", "op is missing"),
        (r#"{"op":"x"}"#, "op \"x\" is not known"),
        ("7", "is not a JSON object"),
        ("\"4111-1111\"", "is not a JSON object"),
    ] {
        let refused = undecodable(SourceFormat::Debezium, wrong);
        assert!(refused.contains(why) && !refused.contains("4111"), "{refused}");
    }
}

const PAYLOAD: &str = r#"{"type":"placed","order":"s-1"}"#;

fn outbox(record: &SourceRecord<'_>) -> (Value, Value, Option<String>) {
    let opened = opened(SourceFormat::DebeziumOutbox, record, "orders")
        .unwrap()
        .unwrap();
    let id = opened.envelope.event_id.map(|id| id.as_str().to_owned());
    (
        serde_json::from_str(&opened.data).unwrap(),
        opened.attributes.into(),
        id,
    )
}

#[test]
fn a_row_of_an_outbox_is_the_same_in_every_form() {
    let packed = serde_json::to_string(PAYLOAD).unwrap();
    let with_schema = format!(r#"{{"schema":{{"type":"string","optional":false}},"payload":{packed}}}"#);
    let row = format!(
        r#"{{"id":"u-1","aggregatetype":"order","aggregateid":"s-1","type":"placed","payload":{packed}}}"#
    );
    let change = format!(r#"{{"before":null,"after":{row},"source":{{"ts_ms":1}},"op":"c","ts_ms":2}}"#);
    let quoted = [("id", "\"u-1\"")];
    let with_its_schema = [("id", r#"{"schema":{"type":"string"},"payload":"u-1"}"#)];
    let records = [
        with_headers(PAYLOAD, &[("id", "u-1")]),
        with_headers(&packed, &quoted),
        with_headers(&with_schema, &with_its_schema),
        record(&row),
        record(&change),
    ];
    let expected: Value = serde_json::from_str(PAYLOAD).unwrap();
    let ids: Vec<String> = records
        .iter()
        .map(|record| {
            let (document, attributes, id) = outbox(record);
            assert_eq!((&document, &attributes["id"]), (&expected, &json!("u-1")));
            id.unwrap()
        })
        .collect();
    assert!(
        ids[0].starts_with("obx-") && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    assert_eq!(outbox(&record(&row)).1["aggregatetype"], "order");
    let of_row = |id: &str| outbox(&with_headers(PAYLOAD, &[("id", id)])).2.unwrap();
    assert!(
        ["8", "9", "10", "11"].map(of_row).is_sorted(),
        "rows keep the order of their ids"
    );
}

#[test]
fn fields_beside_the_payload_stay_and_a_deleted_row_is_ignored() {
    let packed = serde_json::to_string(PAYLOAD).unwrap();
    let beside = format!(r#"{{"payload":{packed},"eventType":"placed"}}"#);
    let (document, ..) = outbox(&record(&beside));
    assert_eq!(
        (&document["payload"]["order"], &document["eventType"]),
        (&json!("s-1"), &json!("placed"))
    );
    let deleted = r#"{"before":{"id":"u-1"},"after":null,"op":"d","ts_ms":2}"#;
    assert_eq!(
        opened(SourceFormat::DebeziumOutbox, &record(deleted), "orders")
            .unwrap()
            .map(drop),
        None
    );
    for wrong in [
        "7",
        r#""text""#,
        r#"{"op":"c","after":{"id":1}}"#,
        r#"{"op":"c","after":{"payload":"x"}}"#,
    ] {
        undecodable(SourceFormat::DebeziumOutbox, wrong);
    }
}

#[test]
fn avro_is_taken_where_the_format_says_so() {
    let avro = SourceRecord {
        value: Some(SourceValue::Avro(CHANGE.to_owned())),
        ..record("")
    };
    assert_eq!(document(SourceFormat::Debezium, &avro).0["op"], "c");
    assert_eq!(document(SourceFormat::Avro, &avro).0["op"], "c");
    assert_eq!(
        opened(SourceFormat::Json, &avro, "orders").unwrap_err(),
        "is Avro, the source's format is json"
    );
    assert!(undecodable(SourceFormat::Avro, "{}").contains("does not begin with 00"));
}

#[test]
fn a_format_is_known_by_its_name() {
    for format in SourceFormat::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
    let refused = "xml".parse::<SourceFormat>().unwrap_err();
    assert_eq!(
        refused,
        "\"xml\" must be one of json, cloudevents, avro, debezium-outbox, debezium"
    );
}
