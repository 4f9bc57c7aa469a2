//! Writers with a schema of their own that resolves to ours.
#![cfg(feature = "resolution")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use apache_avro::{Schema, types::Value, writer::datum::GenericDatumWriter};
use proptest::prelude::*;
use saga_types::{
    SagaEvent, SagaType,
    avro::{self, DecodeError, SchemaError, SchemaVersion, WriterSchema},
};
use serde_json::json;

/// Version 2 with a change.
fn schema_with(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut schema = serde_json::from_str(SchemaVersion::V2.json()).unwrap();
    change(&mut schema);
    schema.to_string()
}

fn field<'a>(schema: &'a mut serde_json::Value, name: &str) -> &'a mut serde_json::Value {
    schema["fields"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|field| field["name"] == name)
        .unwrap()
}

fn values(change: impl FnOnce(&mut Vec<(String, Value)>)) -> Value {
    let text = |text: &str| Value::String(text.to_owned());
    let mut fields: Vec<(String, Value)> = [
        ("eventId", text("evt-1")),
        ("eventTimestamp", Value::TimestampMillis(1)),
        ("sagaId", text("saga-1")),
        ("sagaType", Value::Enum(2, "REFUND".to_owned())),
        ("step", text("PAYMENT_REFUNDED")),
        ("status", Value::Enum(4, "COMPENSATED".to_owned())),
        ("orderId", text("order-1")),
        ("metadata", Value::Union(1, Box::new(text("{\"a\":1}")))),
        ("recordedAt", Value::TimestampMillis(2)),
        ("sagaTypeName", Value::Union(0, Box::new(Value::Null))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    change(&mut fields);
    Value::Record(fields)
}

fn set(fields: &mut [(String, Value)], name: &str, value: Value) {
    fields.iter_mut().find(|(field, _)| field == name).unwrap().1 = value;
}

fn write_and_read(schema: &str, value: Value) -> Result<SagaEvent, DecodeError> {
    let parsed = Schema::parse_str(schema).unwrap();
    let writer = GenericDatumWriter::builder(&parsed).build().unwrap();
    let mut body = Vec::new();
    writer.write_value(&mut body, value).unwrap();
    avro::decode(&body, &WriterSchema::parse(schema).unwrap())
}

#[test]
fn the_published_versions_are_recognised_in_any_spelling() {
    for version in SchemaVersion::ALL {
        let reformatted: serde_json::Value = serde_json::from_str(version.json()).unwrap();
        let parsed = WriterSchema::parse(&reformatted.to_string()).unwrap();
        assert!(matches!(parsed, WriterSchema::Version(found) if found == version));
    }
}

#[test]
fn fields_that_only_the_writer_has_are_passed_over() {
    let schema = schema_with(|schema| {
        schema["fields"]
            .as_array_mut()
            .unwrap()
            .insert(0, json!({"name": "region", "type": "string"}));
    });
    let event = write_and_read(
        &schema,
        values(|fields| fields.insert(0, ("region".to_owned(), Value::String("kr".to_owned())))),
    );
    assert_eq!(event.unwrap().saga_type, SagaType::REFUND);
}

#[test]
fn a_saga_type_of_a_newer_writer_is_kept_by_its_name() {
    let schema = schema_with(|schema| {
        field(schema, "sagaType")["type"]["symbols"]
            .as_array_mut()
            .unwrap()
            .push(json!("SHIPPING"));
    });
    let event = write_and_read(
        &schema,
        values(|fields| set(fields, "sagaType", Value::Enum(5, "SHIPPING".to_owned()))),
    );
    assert_eq!(event.unwrap().saga_type.as_str(), "SHIPPING");
}

#[test]
fn a_status_of_a_newer_writer_is_an_error() {
    let schema = schema_with(|schema| {
        field(schema, "status")["type"]["symbols"]
            .as_array_mut()
            .unwrap()
            .push(json!("PAUSED"));
    });
    let event = write_and_read(
        &schema,
        values(|fields| set(fields, "status", Value::Enum(5, "PAUSED".to_owned()))),
    );
    let error = event.unwrap_err();
    assert_eq!(error.kind(), "UNRESOLVABLE");
    assert!(
        error.to_string().ends_with("status has no symbol PAUSED"),
        "{error}"
    );
}

#[test]
fn a_reason_names_the_field_and_not_what_it_holds() {
    let schema = schema_with(|schema| {
        field(schema, "metadata")["type"] = json!(["null", "string", {"type": "array", "items": "string"}]);
    });
    let secret = Value::Array(vec![Value::String("4711-secret".to_owned()); 1_000]);
    let event = write_and_read(
        &schema,
        values(|fields| set(fields, "metadata", Value::Union(2, Box::new(secret)))),
    );
    let reason = event.unwrap_err().to_string();
    assert!(
        reason.ends_with("what metadata holds is not of its type"),
        "{reason}"
    );
}

#[test]
fn a_writer_in_another_namespace_with_plain_longs_is_read() {
    let schema = schema_with(|schema| {
        schema["namespace"] = json!("org.example");
        field(schema, "recordedAt")["type"] = json!("long");
    });
    let event = write_and_read(
        &schema,
        values(|fields| set(fields, "recordedAt", Value::Long(2))),
    );
    assert_eq!(event.map(|event| event.recorded_at.as_millis()), Ok(2));
}

#[test]
fn schemas_that_cannot_be_a_writers_are_refused() {
    assert!(matches!(
        WriterSchema::parse("{"),
        Err(SchemaError::NotASchema(_))
    ));
    assert!(matches!(
        WriterSchema::parse("\"string\""),
        Err(SchemaError::Incompatible(_))
    ));
    let without_saga_id = schema_with(|schema| {
        schema["fields"]
            .as_array_mut()
            .unwrap()
            .retain(|field| field["name"] != "sagaId");
    });
    assert!(matches!(
        WriterSchema::parse(&without_saga_id),
        Err(SchemaError::Incompatible(_))
    ));
    let recursive = schema_with(|schema| {
        schema["fields"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "cause", "type": ["null", "SagaTracker"]}));
    });
    assert_eq!(
        WriterSchema::parse(&recursive).unwrap_err(),
        SchemaError::Recursive
    );
    // Beside the event's own fields: a list whose elements take no bytes.
    let unbounded = schema_with(|schema| {
        let tags = json!({"name": "tags", "type": {"type": "array", "items": "null"}});
        schema["fields"].as_array_mut().unwrap().push(tags);
    });
    assert_eq!(
        WriterSchema::parse(&unbounded).unwrap_err(),
        SchemaError::Unbounded
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let schema = schema_with(|schema| {
            let fields = schema["fields"].as_array_mut().unwrap();
            fields.push(json!({"name": "tags", "type": {"type": "map", "values": {"type": "array", "items": ["null", "int"]}}}));
        });
        let _ = avro::decode(&body, &WriterSchema::parse(&schema).unwrap());
    }
}
