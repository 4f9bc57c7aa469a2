//! A row of an outbox: as Debezium's event router writes it, as a change of a row, or as the row alone.
//!
//! The router writes the payload as the value and the row's id as the header `id`; fields that it was asked to add are headers,
//! or stand beside the payload. Whatever the form, the payload is the document and the rest are its attributes.

use serde_json::{Map, Value};

use super::{
    SourceRecord,
    connector::is_of_connector,
    decimal,
    document::{self, Fields},
};
use crate::{cloud_events::Opened, event::Envelope, event_id};

/// What begins the id of an event that is named by its row.
const ID_PREFIX: &str = "obx-";

/// Columns that say that an object is a row and no payload.
const ROW_COLUMNS: [&str; 6] = [
    "aggregateid",
    "aggregatetype",
    "aggregate_id",
    "aggregate_type",
    "aggregateId",
    "aggregateType",
];

/// `None` for a row that was deleted, as rows of an outbox are when they are written, or updated, and for a message of the log.
pub(super) fn open(text: &str, record: &SourceRecord<'_>) -> Result<Option<Opened>, String> {
    let value = decimal::without_schema(text);
    let value = value.as_ref();
    if let Some(payload) = document::packed_object(value) {
        return Ok(Some(routed(payload, record)));
    }
    if document::is_null(value) {
        return Ok(None);
    }
    let fields = document::fields(value)?;
    if is_of_connector(&fields) {
        return Ok(None);
    }
    let is_change = ["after", "message"].iter().any(|name| fields.contains_key(*name));
    if let (Some(operation), true) = (fields.get("op"), is_change) {
        return match operation.get() {
            r#""c""# | r#""r""# => row(&document::fields(fields["after"].get())?, record).map(Some),
            _ => Ok(None),
        };
    }
    if fields.contains_key("payload") && ROW_COLUMNS.iter().any(|column| fields.contains_key(*column)) {
        return row(&fields, record).map(Some);
    }
    let payload = fields
        .get("payload")
        .and_then(|payload| document::packed_object(payload.get()));
    // Fields that the router was asked to add stand beside a payload that may be a text.
    let data = match payload {
        Some(payload) => document::object(fields.iter().map(|(name, value)| match name.as_str() {
            "payload" => ("payload", payload.as_str()),
            name => (name, value.get()),
        })),
        None => value.to_owned(),
    };
    Ok(Some(routed(data, record)))
}

/// As the event router writes it.
fn routed(data: String, record: &SourceRecord<'_>) -> Opened {
    let attributes: Map<String, Value> = record
        .header_texts()
        .map(|(name, value)| (name, plain_text(value)))
        .collect();
    let id = attributes.get("id").and_then(Value::as_str);
    Opened {
        envelope: envelope(id, record),
        attributes,
        data,
    }
}

/// As it stands in the table.
fn row(fields: &Fields<'_>, record: &SourceRecord<'_>) -> Result<Opened, String> {
    let payload = fields
        .get("payload")
        .ok_or("the row has no column payload")?
        .get();
    let data = document::packed_object(payload).unwrap_or_else(|| payload.to_owned());
    document::check_object(&data).map_err(|reason| format!("payload {reason}"))?;
    let attributes: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| *name != "payload")
        .filter_map(|(name, value)| Some((name.clone(), serde_json::from_str(value.get()).ok()?)))
        .collect();
    let id = attributes.get("id").map(|id| match id {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    Ok(Opened {
        envelope: envelope(id.as_deref(), record),
        attributes,
        data,
    })
}

/// A row that Debezium writes again after a restart has another offset, and the same id.
fn envelope(id: Option<&str>, record: &SourceRecord<'_>) -> Envelope {
    Envelope {
        event_id: id.filter(|id| !id.is_empty()).and_then(|id| {
            let prefix = format!("{ID_PREFIX}{}", event_id::in_order(id));
            event_id::hashed(&prefix, &[record.topic.as_bytes(), id.as_bytes()]).ok()
        }),
        recorded_at: None,
        row: None,
    }
}

/// A header by the JSON converter is a text in quotes, perhaps with its schema around it.
fn plain_text(value: Value) -> Value {
    let Value::String(text) = &value else { return value };
    match serde_json::from_str::<String>(document::without_schema(text)) {
        Ok(plain) => plain.into(),
        Err(_) => value,
    }
}
