//! A row that changed, as Debezium writes it: `before`, `after`, `op`, `ts_ms` and `source`.
//!
//! A change is known by its place in the log of the database. A snapshot reads a row at no such place, and reads it anew after a failure or
//! on demand, perhaps after its insertion was written: so a row that was inserted or read is known by its key, with what a rule makes
//! of it, as soon as the rule takes the time from the row.

use saga_types::{EventId, Timestamp};
use serde_json::value::RawValue;

use super::{
    SourceRecord,
    connector::{is_of_connector, without_unavailable},
    decimal,
    document::{self, Fields},
    millis, plain,
};
use crate::{
    cloud_events::Opened,
    event::{Envelope, Row},
    event_id,
};

/// What begins the id of an event that is named by its change.
const ID_PREFIX: &str = "chg-";

/// The same of one that is named by its row.
const ROW_PREFIX: &str = "row-";

/// Created, updated, deleted, read by a snapshot, truncated, and a message of the log.
const OPERATIONS: [&str; 6] = [CREATE, "u", "d", READ, "t", "m"];
const CREATE: &str = "c";
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
    let text = decimal::without_schema(text);
    if document::is_null(&text) {
        return Ok(None);
    }
    let fields = document::fields(&text)?;
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
    let id = Identity {
        source_name,
        record,
        operation: &operation,
        fields: &fields,
    };
    Ok(Some(Opened {
        envelope: id.envelope(&source),
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
    fn envelope(&self, source: &Fields<'_>) -> Envelope {
        let of_source = source.get("ts_ms").and_then(|time| millis(time.get()));
        let row = [CREATE, READ]
            .contains(&self.operation)
            .then(|| self.row())
            .flatten();
        if self.operation == READ {
            return Envelope {
                row,
                ..Envelope::default()
            };
        }
        let by_place = of_source.and_then(|time| self.at(time, &position(source)?));
        match by_place {
            Some(_) => Envelope {
                event_id: by_place,
                recorded_at: of_source,
                row,
            },
            None => {
                let of_change = self.fields.get("ts_ms").and_then(|time| millis(time.get()));
                let by_record = self.record.envelope(self.source_name, of_source.or(of_change));
                Envelope { row, ..by_record }
            }
        }
    }

    /// By its key, or by its columns where the table has none. Keys that grow keep the order of their events.
    fn row(&self) -> Option<Row> {
        let key = self.record.key.and_then(|key| str::from_utf8(key).ok());
        let key = key.map(document::without_schema);
        let columns: Fields<'_> = key
            .and_then(|key| serde_json::from_str(key).ok())
            .unwrap_or_default();
        let order = match columns.len() {
            1 => columns
                .values()
                .next()
                .map(|value| event_id::in_order(value.get().trim_matches('"'))),
            _ => None,
        };
        let row = key.map(str::as_bytes).or(self.record.key);
        let row = row.unwrap_or_else(|| self.raw("after"));
        let parts = [self.source_name.as_bytes(), self.record.topic.as_bytes(), row];
        Some(Row {
            prefix: format!("{ROW_PREFIX}{}", order.unwrap_or_default()),
            of: event_id::hashed(ROW_PREFIX, &parts).ok()?,
        })
    }

    fn raw(&self, name: &str) -> &[u8] {
        self.fields.get(name).map_or("", |value| value.get()).as_bytes()
    }

    /// Rows and key are part of it: several rows may be changed at one place. So is the time: some places count from the beginning again.
    fn at(&self, time: Timestamp, position: &str) -> Option<EventId> {
        let parts = [
            self.source_name.as_bytes(),
            self.record.topic.as_bytes(),
            self.record.key.unwrap_or_default(),
            self.operation.as_bytes(),
            position.as_bytes(),
            &time.as_millis().to_be_bytes(),
            self.raw("before"),
            self.raw("after"),
            self.raw("message"),
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
