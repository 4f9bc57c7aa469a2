//! What Debezium writes in place of a change or of a value.

use serde_json::value::RawValue;

use super::document::{self, Fields};

/// The values that Debezium writes where the database sent none for a column, unless `unavailable.value.placeholder` says otherwise; a
/// column of bytes has it in Base64.
const UNAVAILABLE: [&str; 2] = [
    "__debezium_unavailable_value",
    "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",
];

/// The fields of the records that say where a transaction begins and ends.
const OF_TRANSACTIONS: [&str; 4] = ["status", "id", "event_count", "data_collections"];

/// Whether a connector wrote a record of itself and not of a row: that it lives, where a transaction begins or ends, or how a table is defined.
/// They come to the topic of changes when topics are routed together.
pub(super) fn is_of_connector(fields: &Fields<'_>) -> bool {
    let is_heartbeat = fields.len() == 1 && fields.contains_key("ts_ms");
    let has_all = |names: &[&str]| names.iter().all(|name| fields.contains_key(*name));
    let is_of_schema = has_all(&["ddl"]) || has_all(&["tableChanges"]);
    !fields.contains_key("op") && (is_heartbeat || has_all(&OF_TRANSACTIONS) || is_of_schema)
}

/// A row without the columns whose values are unavailable: a mapping is to find them missing, as what is null. `None` when there are none.
pub(super) fn without_unavailable(row: &str) -> Option<String> {
    if !UNAVAILABLE.iter().any(|text| row.contains(text)) {
        return None;
    }
    let fields: Fields<'_> = serde_json::from_str(row).ok()?;
    let kept: Vec<(&str, &str)> = fields
        .iter()
        .filter(|(_, value)| !is_unavailable(value))
        .map(|(name, value)| (name.as_str(), value.get()))
        .collect();
    (kept.len() < fields.len()).then(|| document::written(kept))
}

/// As a text, the only element of an array, or the only entry of a map.
fn is_unavailable(value: &RawValue) -> bool {
    let is_text = |text: &str| UNAVAILABLE.contains(&text);
    match serde_json::from_str(value.get()) {
        Ok(serde_json::Value::String(text)) => is_text(&text),
        Ok(serde_json::Value::Array(elements)) => {
            elements.len() == 1 && elements[0].as_str().is_some_and(is_text)
        }
        Ok(serde_json::Value::Object(entries)) => {
            entries.len() == 1 && entries.keys().all(|name| is_text(name))
        }
        _ => false,
    }
}
