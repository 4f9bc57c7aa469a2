//! Avro values of any schema in the registry, as JSON.
//!
//! A union is the value of its branch, an enum its symbol, a number keeps its digits. Logical types are left out: a time is the
//! number that it is written as. Bytes are text where they are UTF-8, and hexadecimal digits otherwise.

use std::sync::Arc;

use apache_avro::{Schema, reader::datum::GenericDatumReader, types::Value};
use saga_types::avro::{self, DecodeError, Frame, MAX_EVENT_BYTES};
use serde_json::{Map, Number, Value as Json};

use crate::ingest::{rejection::Rejection, schema_lookup::ReadSchema};

/// The schema of a value, by its id in the registry.
pub(super) fn schema_id(value: &[u8]) -> Option<u32> {
    match value.first_chunk() {
        Some([0, a, b, c, d]) => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// A schema whose values are documents.
#[derive(Debug)]
pub(crate) struct DocumentSchema {
    schema: Schema,
    parsed_bytes: usize,
}

impl ReadSchema for Arc<DocumentSchema> {
    const OF: &'static str = "a document's";

    fn read(text: &str) -> Result<Self, String> {
        let bounded = avro::bounded_schema(text).map_err(|error| error.to_string())?;
        let schema =
            Schema::parse_str(&bounded.json).map_err(|error| format!("not an Avro schema: {error}"))?;
        Ok(Self::new(DocumentSchema {
            schema,
            parsed_bytes: bounded.parsed_bytes,
        }))
    }

    fn parsed_bytes(&self) -> usize {
        self.parsed_bytes
    }
}

impl DocumentSchema {
    /// A value, which begins with the id of this schema, as JSON.
    pub(super) fn json(&self, value: &[u8]) -> Result<String, Rejection> {
        // The first call in the process decides; later ones change nothing.
        apache_avro::util::max_allocation_bytes(MAX_EVENT_BYTES);
        let Frame::Confluent { body, .. } = Frame::parse(value)? else {
            return Err(DecodeError::Empty.into());
        };
        let mut rest = body;
        let read = GenericDatumReader::builder(&self.schema)
            .build()
            .and_then(|reader| reader.read_value(&mut rest));
        let value = read.map_err(|error| {
            Rejection::not_the_format(format!("does not follow its Avro schema: {error}"))
        })?;
        if !rest.is_empty() {
            return Err(DecodeError::TrailingBytes { bytes: rest.len() }.into());
        }
        // A text or a flag that is cut off is read as null.
        if !value.validate(&self.schema) {
            let reason = "does not follow its Avro schema: it ends too early";
            return Err(Rejection::not_the_format(reason.to_owned()));
        }
        Ok(json(value).to_string())
    }
}

fn json(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(flag) => flag.into(),
        Value::Int(number) => number.into(),
        Value::Long(number) => number.into(),
        // The shortest text of a float has fewer digits than that of the double it is.
        Value::Float(number) => number.to_string().parse().map_or(Json::Null, float),
        Value::Double(number) => float(number),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => text(bytes).into(),
        Value::String(text) | Value::Enum(_, text) => text.into(),
        Value::Union(_, inner) => json(*inner),
        Value::Array(elements) => elements.into_iter().map(json).collect(),
        Value::Map(fields) => object(fields),
        Value::Record(fields) => object(fields),
        // None comes, since schemas have no logical types.
        other => Json::try_from(other).unwrap_or_default(),
    }
}

fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Json {
    let fields: Map<String, Json> = fields
        .into_iter()
        .map(|(name, value)| (name, json(value)))
        .collect();
    Json::Object(fields)
}

/// JSON has no infinite numbers.
fn float(number: f64) -> Json {
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let bytes = error.into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    })
}

#[cfg(test)]
mod tests {
    use apache_avro::writer::datum::GenericDatumWriter;

    use super::*;

    const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
        {"name":"id","type":"string"},
        {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"status","type":{"type":"enum","name":"Status","symbols":["PLACED","PAID"]}},
        {"name":"total","type":"double"},
        {"name":"note","type":["null","string"],"default":null},
        {"name":"raw","type":"bytes"},
        {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"qty","type":"int"}]}}}]}"#;

    fn schema(text: &str) -> Result<Arc<DocumentSchema>, String> {
        ReadSchema::read(text)
    }

    fn value(raw: &[u8]) -> Vec<u8> {
        let line = |qty| Value::Record(vec![("qty".to_owned(), Value::Int(qty))]);
        let fields = [
            ("id", Value::String("s-1".to_owned())),
            ("at", Value::Long(1_760_000_000_000)),
            ("status", Value::Enum(1, "PAID".to_owned())),
            ("total", Value::Double(12.5)),
            ("note", Value::Union(0, Box::new(Value::Null))),
            ("raw", Value::Bytes(raw.to_vec())),
            ("lines", Value::Array(vec![line(1), line(3)])),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let schema = schema(ORDER).unwrap();
        let writer = GenericDatumWriter::builder(&schema.schema).build().unwrap();
        let body = writer.write_value_to_vec(Value::Record(fields.to_vec())).unwrap();
        [&[0, 0, 0, 0, 7], body.as_slice()].concat()
    }

    #[test]
    fn a_record_is_an_object() {
        let value = value(b"ab");
        assert_eq!(schema_id(&value), Some(7));
        let json: Json = serde_json::from_str(&schema(ORDER).unwrap().json(&value).unwrap()).unwrap();
        let expected = serde_json::json!({
            "id": "s-1", "at": 1_760_000_000_000_i64, "status": "PAID", "total": 12.5, "note": null, "raw": "ab",
            "lines": [{"qty": 1}, {"qty": 3}],
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn what_does_not_follow_its_schema_is_said_so() {
        let schema = schema(ORDER).unwrap();
        let whole = value(b"\xff\xfe");
        assert!(schema.json(&whole).unwrap().contains("fffe"));
        for end in 5..whole.len() {
            let cut = schema.json(&whole[..end]);
            assert_eq!(cut.unwrap_err().kind, "NOT_THE_FORMAT", "{end}");
        }
        let longer = [whole.as_slice(), b"x"].concat();
        assert_eq!(schema.json(&longer).unwrap_err().kind, "TRAILING_BYTES");
        assert_eq!(
            schema.json(&vec![0; MAX_EVENT_BYTES + 1]).unwrap_err().kind,
            "TOO_LARGE"
        );
        assert_eq!(schema_id(b"\x00\x00"), None);
        assert_eq!(schema_id(b"{\"a\":1}"), None);
    }

    #[test]
    fn a_schema_whose_values_unfold_without_bound_is_refused() {
        let recursive = r#"{"type":"record","name":"A","fields":[{"name":"a","type":["null","A"]}]}"#;
        let empty =
            r#"{"type":"array","items":{"type":"record","name":"E","fields":[{"name":"n","type":"null"}]}}"#;
        let named = r#"{"type":"record","name":"R","fields":[
            {"name":"f","type":{"type":"fixed","name":"F","size":0}},{"name":"l","type":{"type":"array","items":"F"}}]}"#;
        for refused in [
            recursive,
            empty,
            named,
            r#"{"type":"array","items":"null"}"#,
            "nonsense",
        ] {
            assert!(schema(refused).is_err(), "{refused}");
        }
        // As Debezium names a row's type once and refers to it.
        let row = r#"{"type":"record","name":"V","fields":[{"name":"id","type":"int"}]}"#;
        let change = format!(
            r#"{{"type":"record","name":"E","fields":[{{"name":"before","type":["null",{row}]}},{{"name":"after","type":["null","V"]}}]}}"#
        );
        assert!(schema(&change).is_ok());
    }

    /// As the Avro converter of Kafka Connect registers it for a table of PostgreSQL: types by name, unions with null on either side, and
    /// attributes of Connect everywhere.
    const CHANGE: &str = r#"{"type":"record","name":"Envelope","namespace":"shop.public.orders","fields":[
        {"name":"before","type":["null",{"type":"record","name":"Value","fields":[
            {"name":"id","type":{"type":"int","connect.default":0},"default":0},
            {"name":"order_id","type":"string"},
            {"name":"total","type":["null",{"type":"bytes","scale":2,"precision":10,"connect.version":1,
                "connect.parameters":{"scale":"2","connect.decimal.precision":"10"},
                "connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}],"default":null},
            {"name":"at","type":{"type":"long","connect.version":1,"connect.name":"io.debezium.time.MicroTimestamp"}}],
            "connect.name":"shop.public.orders.Value"}],"default":null},
        {"name":"after","type":["null","Value"],"default":null},
        {"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium.connector.postgresql","fields":[
            {"name":"connector","type":"string"},
            {"name":"ts_ms","type":"long"},
            {"name":"snapshot","type":[{"type":"string","connect.version":1,"connect.parameters":{"allowed":"true,first,last,false"},
                "connect.default":"false","connect.name":"io.debezium.data.Enum"},"null"],"default":"false"},
            {"name":"lsn","type":["null","long"],"default":null}],"connect.name":"io.debezium.connector.postgresql.Source"}},
        {"name":"transaction","type":["null",{"type":"record","name":"block","namespace":"event","fields":[
            {"name":"id","type":"string"},{"name":"total_order","type":"long"}],"connect.version":1,"connect.name":"event.block"}],
            "default":null},
        {"name":"op","type":"string"},
        {"name":"ts_ms","type":["null","long"],"default":null}],"connect.version":2,"connect.name":"shop.public.orders.Envelope"}"#;

    #[test]
    fn a_change_by_debezium_is_the_document_that_its_json_is() {
        let record = |fields: Vec<(&str, Value)>| {
            let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
            Value::Record(fields.collect())
        };
        let branch = |place, value| Value::Union(place, Box::new(value));
        let row = record(vec![
            ("id", Value::Int(7)),
            ("order_id", Value::String("s-1".to_owned())),
            ("total", branch(1, Value::Bytes(vec![4, 226]))),
            ("at", Value::Long(1_760_000_000_123_456)),
        ]);
        let source = record(vec![
            ("connector", Value::String("postgresql".to_owned())),
            ("ts_ms", Value::Long(1_760_000_000_123)),
            ("snapshot", branch(0, Value::String("false".to_owned()))),
            ("lsn", branch(1, Value::Long(26_523_144))),
        ]);
        let change = record(vec![
            ("before", branch(0, Value::Null)),
            ("after", branch(1, row)),
            ("source", source),
            ("transaction", branch(0, Value::Null)),
            ("op", Value::String("c".to_owned())),
            ("ts_ms", branch(1, Value::Long(1_760_000_000_999))),
        ]);
        let schema = schema(CHANGE).unwrap();
        let writer = GenericDatumWriter::builder(&schema.schema).build().unwrap();
        let body = writer.write_value_to_vec(change).unwrap();
        let value = [&[0, 0, 0, 0, 7], body.as_slice()].concat();
        let json: Json = serde_json::from_str(&schema.json(&value).unwrap()).unwrap();
        let expected = serde_json::json!({
            "before": null, "after": {"id": 7, "order_id": "s-1", "total": "04e2", "at": 1_760_000_000_123_456_i64},
            "source": {"connector": "postgresql", "ts_ms": 1_760_000_000_123_i64, "snapshot": "false", "lsn": 26_523_144},
            "transaction": null, "op": "c", "ts_ms": 1_760_000_000_999_i64,
        });
        assert_eq!(json, expected);
    }
}
