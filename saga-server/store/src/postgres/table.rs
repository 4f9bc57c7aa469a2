//! Statements that write many rows of a table at once, made from its list of columns.

use sqlx::{Postgres, postgres::PgArguments};

use super::copy::Rows;
use crate::table::{Kind, Table, Value};

type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

/// Joins lists, since an array of arrays would need them all of one length: a control character, which no name may hold.
const SEPARATOR: char = '\u{1f}';

/// Of rows that are bound as arrays.
pub(super) fn insert<T: Table>() -> String {
    let values: Vec<String> = T::COLUMNS.iter().map(|(name, kind)| value(name, *kind)).collect();
    let (table, columns, values) = (T::NAME, T::columns(), values.join(", "));
    format!(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM {}",
        arrays::<T>()
    )
}

/// Of rows that are bound as arrays, by their keys; further conditions follow.
pub(super) fn update<T: Table>() -> String {
    let others = T::COLUMNS.iter().filter(|(name, _)| !T::KEY.contains(name));
    let others: Vec<String> = others
        .map(|(name, kind)| format!("{name} = {}", value(name, *kind)))
        .collect();
    let key: Vec<String> = T::KEY
        .iter()
        .map(|name| format!("kept.{name} = new.{name}"))
        .collect();
    let (table, others, key) = (T::NAME, others.join(", "), key.join(" AND "));
    format!(
        "UPDATE {table} AS kept SET {others} FROM {} WHERE {key}",
        arrays::<T>()
    )
}

/// Of rows that [`copied`] holds.
pub(super) fn copy<T: Table>() -> String {
    format!("COPY {} ({}) FROM STDIN (FORMAT binary)", T::NAME, T::columns())
}

/// One array for each column.
fn arrays<T: Table>() -> String {
    let kinds = T::COLUMNS.iter().map(|(_, kind)| *kind);
    let arrays: Vec<String> = kinds
        .zip(1..)
        .map(|(kind, number)| format!("${number}::{}[]", element(kind)))
        .collect();
    format!("UNNEST({}) AS new ({})", arrays.join(", "), T::columns())
}

/// The type of an array's elements.
fn element(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Texts | Kind::Json => "text",
        Kind::Moment => "timestamptz",
        Kind::Number => "bigint",
        Kind::Boolean => "boolean",
    }
}

/// The column's value, from an element of its array.
fn value(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Texts => format!("string_to_array(new.{name}, chr({}))", u32::from(SEPARATOR)),
        Kind::Json => format!("new.{name}::jsonb"),
        _ => format!("new.{name}"),
    }
}

/// Binds rows as arrays.
pub(super) fn bind<T: Table>(mut query: Query, rows: &[T]) -> Query {
    let rows: Vec<Vec<Value<'_>>> = rows.iter().map(Table::values).collect();
    for (column, (_, kind)) in T::COLUMNS.iter().enumerate() {
        let values = rows.iter().map(|row| row[column]);
        query = match kind {
            Kind::Text | Kind::Json => query.bind(values.map(Value::text).collect::<Vec<_>>()),
            Kind::Texts => query.bind(
                values
                    .map(|value| value.texts().join(&SEPARATOR.to_string()))
                    .collect::<Vec<_>>(),
            ),
            Kind::Moment => query.bind(values.map(Value::moment).collect::<Vec<_>>()),
            Kind::Number => query.bind(values.map(Value::number).collect::<Vec<_>>()),
            Kind::Boolean => query.bind(values.map(Value::boolean).collect::<Vec<_>>()),
        };
    }
    query
}

/// Rows of about so many bytes each, for [`copy`].
pub(super) fn copied<T: Table>(rows: impl ExactSizeIterator<Item = T>, row_bytes: usize) -> Rows {
    let mut copied = Rows::with_capacity(rows.len() * row_bytes);
    for row in rows {
        let values = row.values();
        copied.row(values.len());
        for value in values {
            match value {
                Value::Text(text) => copied.text(text),
                Value::Texts(texts) => copied.texts(texts),
                Value::Json(json) => copied.json(json),
                Value::Moment(moment) => copied.moment(moment),
                Value::Number(number) => copied.bigint(number),
                Value::Boolean(value) => copied.boolean(value),
            }
        }
    }
    copied
}
