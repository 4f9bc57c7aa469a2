//! Rows as a parameter of SQLite: one JSON text, an array of values for each row.

use serde::Serialize;

use crate::table::{Table, Value};

pub(super) fn json(rows: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Rows for [`insert`].
pub(super) fn rows<T: Table>(rows: &[T]) -> Result<String, sqlx::Error> {
    let rows: Vec<Vec<Value<'_>>> = rows.iter().map(Table::values).collect();
    json(&rows)
}

/// `INSERT INTO table AS kept`; what happens to a row that is there already follows.
pub(super) fn insert<T: Table>() -> String {
    let values: Vec<String> = (0..T::COLUMNS.len())
        .map(|place| format!("value ->> {place}"))
        .collect();
    format!(
        "INSERT INTO {} AS kept ({}) SELECT {} FROM json_each(?) WHERE true ON CONFLICT ({})",
        T::NAME,
        T::columns(),
        values.join(", "),
        T::KEY.join(", ")
    )
}

/// Sets all columns but the key to those of the new row.
pub(super) fn replace<T: Table>() -> String {
    let others = T::COLUMNS.iter().filter(|(name, _)| !T::KEY.contains(name));
    let others: Vec<String> = others
        .map(|(name, _)| format!("{name} = excluded.{name}"))
        .collect();
    format!("DO UPDATE SET {}", others.join(", "))
}
