//! A row that changed, as Debezium writes it: `before`, `after`, `op`, `ts_ms` and `source`.

use super::{SourceRecord, document, millis, plain};
use crate::{cloud_events::Opened, event::Envelope};

/// Created, updated, deleted, read by a snapshot, truncated, and a message of the log.
const OPERATIONS: [&str; 6] = ["c", "u", "d", "r", "t", "m"];

/// The row before and after, which MongoDB's connector writes as a text.
const ROWS: [&str; 2] = ["before", "after"];

pub(super) fn open(text: &str, record: &SourceRecord<'_>) -> Result<Opened, String> {
    let fields = document::fields(document::without_schema(text))?;
    let operation: Option<String> = fields
        .get("op")
        .and_then(|operation| serde_json::from_str(operation.get()).ok());
    match operation {
        None => return Err("is no change of a row: op is missing".to_owned()),
        Some(other) if !OPERATIONS.contains(&other.as_str()) => {
            return Err(format!("is no change of a row: op {other:?} is not known"));
        }
        Some(_) => {}
    }
    let rows = ROWS.map(|name| {
        (
            name,
            fields
                .get(name)
                .and_then(|row| document::packed_object(row.get())),
        )
    });
    let whole = fields.iter().map(|(name, value)| {
        let packed = rows.iter().find(|(row, _)| row == name);
        let unpacked = packed.and_then(|(_, row)| row.as_deref());
        (name.as_str(), unpacked.unwrap_or(value.get()))
    });
    let data = document::object(whole);
    let of_source = fields
        .get("source")
        .and_then(|source| document::fields(source.get()).ok())
        .and_then(|source| millis(source.get("ts_ms")?.get()));
    let of_change = || fields.get("ts_ms").and_then(|time| millis(time.get()));
    Ok(Opened {
        envelope: Envelope {
            event_id: None,
            recorded_at: of_source.or_else(of_change),
        },
        ..plain(&data, record)
    })
}
