//! Rows on their way into SQLite, as one JSON text, and out of it.

use serde::Serialize;
use sqlx::{Row, sqlite::SqliteRow};

use super::{error, read};
use crate::{StoreError, rows::EventColumns};

pub(super) fn json(rows: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

pub(super) fn event_columns(row: &SqliteRow) -> Result<EventColumns, StoreError> {
    let recorded_at = read::timestamp(row, 7)?;
    let event_timestamp = read::timestamp(row, 8)?;
    let columns = || {
        Ok(EventColumns {
            saga_id: row.try_get(0)?,
            event_id: row.try_get(1)?,
            saga_type: row.try_get(2)?,
            order_id: row.try_get(3)?,
            step: row.try_get(4)?,
            status: row.try_get(5)?,
            metadata: row.try_get(6)?,
            recorded_at,
            event_timestamp,
        })
    };
    columns().map_err(error::store)
}
