//! Writer schemas other than the published ones, read through the Avro library.

use std::{collections::HashMap, sync::OnceLock};

use apache_avro::{
    Schema, rabin::Rabin, reader::datum::GenericDatumReader, schema_compatibility::SchemaCompatibility,
    types::Value,
};

use super::{
    DecodeError, MAX_EVENT_BYTES, SchemaError, SchemaVersion, bounds, error::short, plain_schema,
    raw::RawEvent,
};
use crate::{MAX_NAME_CHARS, SagaEvent, SagaType};

/// A writer schema that was found to resolve to the event's.
#[derive(Debug, Clone)]
pub struct ResolvedSchema {
    schema: Schema,
    pub(super) parsed_bytes: usize,
}

impl ResolvedSchema {
    /// Not yet checked: see [`check_bounds`](Self::check_bounds) and [`check_compatibility`](Self::check_compatibility).
    pub(super) fn parse(json: &str) -> Result<Self, SchemaError> {
        let (schema, parsed_bytes) = plain_schema::parse(json)?;
        Ok(Self { schema, parsed_bytes })
    }

    pub(super) fn published_version(&self) -> Option<SchemaVersion> {
        published_version(&self.schema)
    }

    /// Whether values are bounded by their bytes.
    pub(super) fn check_bounds(&self) -> Result<(), SchemaError> {
        bounds::check(&self.schema)
    }

    /// Whether data of this schema can be read as events.
    pub(super) fn check_compatibility(&self) -> Result<(), SchemaError> {
        check_compatibility(&self.schema)
    }

    pub(super) fn decode(&self, body: &[u8]) -> Result<SagaEvent, DecodeError> {
        // The first call in the process decides; later ones change nothing.
        apache_avro::util::max_allocation_bytes(MAX_EVENT_BYTES);
        if body.len() > MAX_EVENT_BYTES {
            return Err(DecodeError::TooLarge { bytes: body.len() });
        }
        let mut rest = body;
        let reader = GenericDatumReader::builder(&self.schema)
            .build()
            .map_err(unresolvable)?;
        let written = reader.read_value(&mut rest).map_err(unresolvable)?;
        if !rest.is_empty() {
            return Err(DecodeError::TrailingBytes { bytes: rest.len() });
        }
        Fields::of(name_unknown_types(written)?)?.raw()?.check()
    }
}

fn unresolvable(error: apache_avro::Error) -> DecodeError {
    DecodeError::Unresolvable {
        reason: short(&error),
    }
}

fn published_version(schema: &Schema) -> Option<SchemaVersion> {
    let fingerprint = schema.fingerprint::<Rabin>().bytes;
    let fingerprint = u64::from_le_bytes(fingerprint.try_into().ok()?);
    SchemaVersion::by_fingerprint(fingerprint)
}

/// Our newest version, which every event is resolved to.
fn reader_schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        #[expect(clippy::expect_used, reason = "a constant that the tests parse")]
        plain_schema::parse(SchemaVersion::V2.json())
            .map(|(schema, _)| schema)
            .expect("our own schema")
    })
}

/// The record's own name may differ (a team's own namespace); fields and their types may not.
fn check_compatibility(writer: &Schema) -> Result<(), SchemaError> {
    let mut writer = writer.clone();
    if let (Schema::Record(writer), Schema::Record(reader)) = (&mut writer, reader_schema()) {
        writer.name = reader.name.clone();
    }
    SchemaCompatibility::can_read(&writer, reader_schema())
        .map(|_| ())
        .map_err(|error| SchemaError::Incompatible(short(&error)))
}

/// A newer writer may know saga types that we do not: such a type is kept by its name.
fn name_unknown_types(written: Value) -> Result<Vec<(String, Value)>, DecodeError> {
    let Value::Record(mut fields) = written else {
        return Err(DecodeError::Unresolvable {
            reason: "the value is not a record".to_owned(),
        });
    };
    let unknown_symbol = fields
        .iter_mut()
        .find(|(name, _)| name == "sagaType")
        .and_then(|(_, value)| match value {
            Value::Enum(_, symbol) if !is_known_symbol(symbol) => {
                Some(std::mem::replace(symbol, SagaType::CUSTOM_SYMBOL.to_owned()))
            }
            _ => None,
        });
    if let Some(symbol) = unknown_symbol {
        fields.retain(|(name, _)| name != "sagaTypeName");
        fields.push(("sagaTypeName".to_owned(), Value::String(symbol)));
    }
    Ok(fields)
}

fn is_known_symbol(symbol: &str) -> bool {
    symbol == SagaType::CUSTOM_SYMBOL || SagaType::KNOWN.iter().any(|known| known.as_str() == symbol)
}

/// The fields of the event that were written, resolved to their types, by name.
struct Fields(HashMap<String, Value>);

impl Fields {
    /// One by one, so that a reason names the field; the library's own would repeat the value.
    fn of(written: Vec<(String, Value)>) -> Result<Self, DecodeError> {
        let mut written: HashMap<String, Value> = written.into_iter().collect();
        let Schema::Record(reader) = reader_schema() else {
            return Ok(Self(written));
        };
        let mut fields = HashMap::with_capacity(reader.fields.len());
        for field in &reader.fields {
            let Some(value) = written.remove(&field.name) else {
                continue;
            };
            let unresolvable_to = |reason| DecodeError::Unresolvable { reason };
            if let (Value::Enum(_, symbol), Schema::Enum(known)) = (&value, &field.schema)
                && !known.symbols.contains(symbol)
            {
                let symbol: String = symbol.chars().take(MAX_NAME_CHARS).collect();
                return Err(unresolvable_to(format!("{} has no symbol {symbol}", field.name)));
            }
            let resolved = value.resolve(&field.schema);
            let resolved = resolved
                .map_err(|_| unresolvable_to(format!("what {} holds is not of its type", field.name)))?;
            fields.insert(field.name.clone(), resolved);
        }
        Ok(Self(fields))
    }

    fn raw(&self) -> Result<RawEvent<'_>, DecodeError> {
        let status = self.text("status")?;
        Ok(RawEvent {
            event_id: self.text("eventId")?,
            event_timestamp: self.long("eventTimestamp")?,
            saga_id: self.text("sagaId")?,
            saga_type: self.text("sagaType")?,
            step: self.text("step")?,
            status: status.parse().map_err(|_| DecodeError::UnknownSymbol {
                field: "status",
                symbol: status.to_owned(),
            })?,
            order_id: self.text("orderId")?,
            metadata: self.optional_text("metadata")?,
            recorded_at: self.long("recordedAt")?,
            saga_type_name: self.optional_text("sagaTypeName")?,
        })
    }

    fn value(&self, field: &'static str) -> Result<&Value, DecodeError> {
        self.0.get(field).ok_or_else(|| DecodeError::Unresolvable {
            reason: format!("{field} is missing"),
        })
    }

    fn text(&self, field: &'static str) -> Result<&str, DecodeError> {
        match self.value(field)? {
            Value::String(text) | Value::Enum(_, text) => Ok(text),
            _ => Err(DecodeError::Unresolvable {
                reason: format!("{field} is not a text"),
            }),
        }
    }

    fn optional_text(&self, field: &'static str) -> Result<Option<&str>, DecodeError> {
        let Some(value) = self.0.get(field) else {
            return Ok(None);
        };
        match value {
            Value::Null => Ok(None),
            Value::Union(_, value) => match value.as_ref() {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text)),
                _ => Err(DecodeError::Unresolvable {
                    reason: format!("{field} is not a text"),
                }),
            },
            _ => self.text(field).map(Some),
        }
    }

    fn long(&self, field: &'static str) -> Result<i64, DecodeError> {
        match self.value(field)? {
            Value::Long(value) => Ok(*value),
            _ => Err(DecodeError::Unresolvable {
                reason: format!("{field} is not a long"),
            }),
        }
    }
}
