//! Avro values of any schema in the registry, as JSON.
//!
//! A union is the value of its branch, an enum its symbol, a number and a decimal keep their digits. Other logical types are left out: a
//! time is the number that it is written as. Bytes are text where they are UTF-8, and hexadecimal digits otherwise.

use std::sync::Arc;

use apache_avro::{
    Schema,
    reader::datum::GenericDatumReader,
    schema::{NamesRef, ResolvedSchema},
    types::Value,
};
use saga_types::avro::{self, DecodeError, Frame, MAX_EVENT_BYTES, decimal_digits};
use serde::Serialize;

use crate::ingest::{rejection::Rejection, schema_lookup::ReadSchema};

/// A decimal with its scale beside it, as Debezium names it.
const VARIABLE_SCALE_DECIMAL: &str = "io.debezium.data.VariableScaleDecimal";

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
        let failed = |error: apache_avro::Error| {
            Rejection::not_the_format(format!("does not follow its Avro schema: {error}"))
        };
        let mut rest = body;
        let resolved = ResolvedSchema::new(&self.schema).map_err(failed)?;
        let names = resolved.get_names().clone();
        let value = GenericDatumReader::builder(&self.schema)
            .resolved_writer_schemata(resolved)
            .build()
            .and_then(|reader| reader.read_value(&mut rest))
            .map_err(failed)?;
        if !rest.is_empty() {
            return Err(DecodeError::TrailingBytes { bytes: rest.len() }.into());
        }
        // A text or a flag that is cut off is read as null.
        if !value.validate(&self.schema) {
            let reason = "does not follow its Avro schema: it ends too early";
            return Err(Rejection::not_the_format(reason.to_owned()));
        }
        let mut json = Writing {
            names,
            json: String::new(),
        };
        json.value(&value, &self.schema);
        Ok(json.json)
    }
}

/// A value that is being written.
struct Writing<'a> {
    /// The types that its schema names.
    names: NamesRef<'a>,
    json: String,
}

impl Writing<'_> {
    /// A value and its schema go together, since the one was read by the other.
    fn value(&mut self, value: &Value, schema: &Schema) {
        match (value, schema) {
            (_, Schema::Ref { name }) => match self.names.get(name).copied() {
                Some(named) => self.value(value, named),
                None => self.text("null"),
            },
            (Value::Union(branch, inner), Schema::Union(union)) => {
                let branch = union.variants().get(*branch as usize);
                self.value(inner, branch.unwrap_or(&Schema::Null));
            }
            (Value::Decimal(digits), Schema::Decimal(of)) => {
                let bytes: Vec<u8> = digits.try_into().unwrap_or_default();
                self.decimal(&bytes, of.scale.try_into().ok());
            }
            (Value::Record(fields), Schema::Record(of)) => match fields.as_slice() {
                [(_, Value::Int(scale)), (_, Value::Bytes(bytes))]
                    if AsRef::<str>::as_ref(&of.name) == VARIABLE_SCALE_DECIMAL =>
                {
                    self.decimal(bytes, Some((*scale).into()));
                }
                fields => {
                    let fields = fields.iter().zip(&of.fields);
                    self.object(fields.map(|((name, value), of)| (name, value, &of.schema)));
                }
            },
            (Value::Map(fields), Schema::Map(of)) => {
                self.object(fields.iter().map(|(name, value)| (name, value, &*of.types)));
            }
            (Value::Array(elements), Schema::Array(of)) => {
                self.text("[");
                for (place, element) in elements.iter().enumerate() {
                    self.text(if place == 0 { "" } else { "," });
                    self.value(element, &of.items);
                }
                self.text("]");
            }
            (Value::Boolean(flag), _) => self.plain(flag),
            (Value::Int(number), _) => self.plain(number),
            (Value::Long(number), _) => self.plain(number),
            // JSON has no infinite numbers: they are null.
            (Value::Float(number), _) => self.plain(number),
            (Value::Double(number), _) => self.plain(number),
            (Value::Bytes(bytes) | Value::Fixed(_, bytes), _) => self.bytes(bytes),
            (Value::String(text) | Value::Enum(_, text), _) => self.plain(text),
            // No other comes, since schemas have no other logical types.
            _ => self.text("null"),
        }
    }

    fn object<'v>(&mut self, fields: impl Iterator<Item = (&'v String, &'v Value, &'v Schema)>) {
        self.text("{");
        for (place, (name, value, schema)) in fields.enumerate() {
            self.text(if place == 0 { "" } else { "," });
            self.plain(name);
            self.text(":");
            self.value(value, schema);
        }
        self.text("}");
    }

    /// One that is too long stays as its bytes are.
    fn decimal(&mut self, bytes: &[u8], scale: Option<i64>) {
        match scale.and_then(|scale| decimal_digits(bytes, scale)) {
            Some(digits) => self.text(&digits),
            None => self.bytes(bytes),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match str::from_utf8(bytes) {
            Ok(text) => self.plain(text),
            Err(_) => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                self.plain(&digits);
            }
        }
    }

    fn plain<T: Serialize + ?Sized>(&mut self, value: &T) {
        let text = serde_json::to_string(value);
        self.text(text.as_deref().unwrap_or("null"));
    }

    fn text(&mut self, text: &str) {
        self.json.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::writer::datum::GenericDatumWriter;
    use serde_json::Value as Json;

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

    /// As Apicurio's converter for Kafka Connect registered it for a table of PostgreSQL that Debezium 3.6.1 read.
    const CHANGE: &str = include_str!("debezium_seen.avsc");

    /// The values that it wrote with it, in hexadecimal digits: a row that a snapshot read, and one that was updated.
    const READ: &str = "000000000e0002024830616637363531392d313663642d343364642d383434382d6562323131633830333139630c504c414345440404e20208043039020402\
        040096020400e10036323032362d31312d32325430383a32363a34302e3132333435365a0280c9d1c8a7b6b00602247b226368616e6e656c223a2022776562227d0016332e\
        362e312e46696e616c14706f737467726573716c047461c4a3dcd3c56800086c61737408756e697402225b6e756c6c2c223335383035303732225d0282daf58896e0b00602\
        d09fc7d7b5acefec310c7075626c69630c6f726465727302e80c02a0de9222000000000272028aa7dcd3c56802d8ae918996e0b00602d8ecd4afb7acefec31";
    const UPDATED: &str = "000000000e0002044830616637363531392d313663642d343364642d383434382d65623231316338303331396408504149440241020202f100\
        36323032362d31312d32325430383a32363a34302e3132333435365a0280c9d1c8a7b6b00602247b226368616e6e656c223a2022776562227d02385f5f646562657a69756d\
        5f756e617661696c61626c655f76616c756516332e362e312e46696e616c14706f737467726573716c047461c2d9ddd3c568000a66616c736508756e6974022e5b22333538\
        3132313434222c223335383132323030225d02b0ad839496e0b0060280bf9aba8cadefec310c7075626c69630c6f726465727302f40c02d0cd932200000002183832363a33\
        353831323230300202027502c4daddd3c56802e2a78b9496e0b00602ccddaef88cadefec31";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn a_change_by_debezium_is_the_document_that_its_json_is() {
        let schema = schema(CHANGE).unwrap();
        let text = schema.json(&bytes(READ)).unwrap();
        // A decimal that is UTF-8 by chance is one, too: 0.65 is the letter A.
        assert!(
            text.contains(r#""total":12.50,"weight":1.2345,"amounts":[1.50,2.25]"#),
            "{text}"
        );
        let updated = schema.json(&bytes(UPDATED)).unwrap();
        assert!(
            updated.contains(r#""total":0.65,"weight":-1.5,"amounts":null"#),
            "{updated}"
        );
        let json: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&json["before"], &json["op"]),
            (&Json::Null, &serde_json::json!("r"))
        );
        let expected = serde_json::json!({
            "id": 1, "order_no": "0af76519-16cd-43dd-8448-eb211c80319c", "status": "PLACED", "total": 12.5, "weight": 1.2345,
            "amounts": [1.5, 2.25], "placed_at": "2026-11-22T08:26:40.123456Z", "updated_at": 1_795_336_000_123_456_i64,
            "details": "{\"channel\": \"web\"}", "note": null,
        });
        assert_eq!(json["after"], expected);
        assert_eq!(json["source"]["lsn"], 35_805_072);
        let json: Json = serde_json::from_str(&updated).unwrap();
        assert_eq!(json["after"]["note"], "__debezium_unavailable_value");
        assert_eq!(json["transaction"]["id"], "826:35812200");
    }
}
