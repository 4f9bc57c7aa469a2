//! A row that changed, as Debezium writes it: `before`, `after`, `op`, `ts_ms` and `source`.

use saga_types::{EventId, Timestamp};
use serde_json::value::RawValue;

use super::{
    SourceRecord,
    connector::{is_of_connector, without_unavailable},
    document::{self, Fields},
    millis, plain,
};
use crate::{cloud_events::Opened, event::Envelope, event_id};

/// What begins the id of an event that is named by its change.
const ID_PREFIX: &str = "chg-";

/// Created, updated, deleted, read by a snapshot, truncated, and a message of the log.
const OPERATIONS: [&str; 6] = ["c", "u", "d", READ, "t", "m"];
const READ: &str = "r";

/// The row before and after, which MongoDB's connector writes as a text.
const ROWS: [&str; 2] = ["before", "after"];

/// The longest place that begins an event's id, so that those of one moment are in its order.
const MAX_POSITION_CHARS: usize = 60;

/// The fields of `source` that say where in the log of the database a change is: of PostgreSQL, MySQL and MariaDB, SQL Server and Db2, MongoDB.
const POSITIONS: [&[&str]; 4] = [
    &["lsn"],
    &["file", "pos", "row"],
    &["change_lsn", "event_serial_no"],
    &["ord"],
];

/// `None` for what the connector writes of itself, and for a value that is null.
pub(super) fn open(
    text: &str,
    record: &SourceRecord<'_>,
    source_name: &str,
) -> Result<Option<Opened>, String> {
    let text = document::without_schema(text);
    if document::is_null(text) {
        return Ok(None);
    }
    let fields = document::fields(text)?;
    if is_of_connector(&fields) {
        return Ok(None);
    }
    let operation: Option<String> = fields
        .get("op")
        .and_then(|operation| serde_json::from_str(operation.get()).ok());
    let operation = match operation {
        None => return Err("is no change of a row: op is missing".to_owned()),
        Some(other) if !OPERATIONS.contains(&other.as_str()) => {
            return Err(format!("is no change of a row: op {other:?} is not known"));
        }
        Some(operation) => operation,
    };
    let rows = ROWS.map(|name| (name, fields.get(name).and_then(|row| read_row(row))));
    let whole = fields.iter().map(|(name, value)| {
        let read = rows.iter().find(|(row, _)| row == name);
        let read = read.and_then(|(_, row)| row.as_deref());
        (name.as_str(), read.unwrap_or(value.get()))
    });
    let data = document::object(whole);
    let source = fields
        .get("source")
        .and_then(|source| document::fields(source.get()).ok())
        .unwrap_or_default();
    let of_source = source.get("ts_ms").and_then(|time| millis(time.get()));
    let of_change = || fields.get("ts_ms").and_then(|time| millis(time.get()));
    let id = Identity {
        source_name,
        record,
        operation: &operation,
        fields: &fields,
    };
    // What a snapshot reads it reads anew after a failure, at another place and time.
    let is_written_again = operation != READ;
    let event_id = of_source.filter(|_| is_written_again);
    let event_id = event_id.and_then(|time| id.at(time, &position(&source)?));
    Ok(Some(Opened {
        envelope: Envelope {
            event_id,
            recorded_at: of_source.or_else(of_change),
        },
        ..plain(&data, record)
    }))
}

/// What makes a change the one that it is, beside its place and time.
struct Identity<'a> {
    source_name: &'a str,
    record: &'a SourceRecord<'a>,
    operation: &'a str,
    fields: &'a Fields<'a>,
}

impl Identity<'_> {
    /// Rows and key are part of it: several rows may be changed at one place. So is the time: some places count from the beginning again.
    fn at(&self, time: Timestamp, position: &str) -> Option<EventId> {
        let raw = |name: &str| self.fields.get(name).map_or("", |value| value.get()).as_bytes();
        let parts = [
            self.source_name.as_bytes(),
            self.record.topic.as_bytes(),
            self.record.key.unwrap_or_default(),
            self.operation.as_bytes(),
            position.as_bytes(),
            &time.as_millis().to_be_bytes(),
            raw("before"),
            raw("after"),
            raw("message"),
        ];
        let is_short =
            position.len() <= MAX_POSITION_CHARS && position.bytes().all(|byte| byte.is_ascii_graphic());
        let shown = if is_short {
            format!("{position}-")
        } else {
            String::new()
        };
        event_id::hashed(&format!("{ID_PREFIX}{shown}"), &parts).ok()
    }
}

/// A row that is a text, or that has columns without their values; `None` for one that can stay as it is.
fn read_row(row: &RawValue) -> Option<String> {
    let packed = document::packed_object(row.get());
    let text = packed.as_deref().unwrap_or(row.get());
    without_unavailable(text).or(packed)
}

/// Where the change is, as the connector says after a restart, too. Its parts that are numbers have as many digits as a number may
/// have, so that places are in their order.
fn position(source: &Fields<'_>) -> Option<String> {
    let text = |name: &&str| {
        let value = source.get(*name)?.get().trim_matches('"');
        (value != "null").then_some(value)
    };
    let fields = POSITIONS.iter().find(|fields| text(&fields[0]).is_some())?;
    let parts = fields.iter().filter_map(text);
    let parts: Vec<String> = parts.map(event_id::padded).collect();
    Some(parts.join("-"))
}
