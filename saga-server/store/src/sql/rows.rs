//! From a row of the database to a struct.
//!
//! Rule of thumb: metadata is read row by row (`query.map(..)`), so that of no two events it is there at once as the database writes
//! it. PostgreSQL writes `1e300` with three hundred zeros, so that 32 KiB become more than a megabyte.

use saga_types::SagaEvent;
use sqlx::{Error, FromRow, Row as _};

use super::Row;
use crate::{
    Corrupt, StoreError, StoredStep,
    batch::KnownEvent,
    rows::{KnownStepRow, StepRow, StoredStepRow},
    table::Keyed,
};

/// Reads a row by the names of its columns.
pub(super) fn decode<'r, T: Keyed + FromRow<'r, Row>>(row: &'r Row) -> Result<T, StoreError> {
    T::from_row(row).map_err(|error| corrupt::<T>(row, error))
}

/// As [`decode`], of all rows.
pub(super) fn decode_all<'r, T: Keyed + FromRow<'r, Row>>(rows: &'r [Row]) -> Result<Vec<T>, StoreError> {
    rows.iter().map(decode).collect()
}

/// Reads a step from a row with the columns of [`StoredStepRow`].
pub(super) fn decode_step(row: &Row) -> Result<StoredStep, StoreError> {
    decode::<StoredStepRow<'_>>(row)?.try_into()
}

/// Reads an event from a row with the columns of [`StepRow`].
pub(super) fn decode_event(row: &Row) -> Result<SagaEvent, StoreError> {
    decode::<StepRow<'_>>(row)?.try_into()
}

/// Reads an event that a batch holds once more, from a row with the columns of [`StepRow`] and `erased_at`.
pub(super) fn decode_known(row: &Row) -> Result<KnownEvent, StoreError> {
    decode::<KnownStepRow<'_>>(row)?.try_into()
}

fn corrupt<T: Keyed>(row: &Row, error: Error) -> StoreError {
    let key: Vec<String> = T::KEY.iter().map(|column| text(row, column)).collect();
    Corrupt::decoding(T::NAME, key.join(" "), error).into()
}

/// A column of a key, whichever type it has.
fn text(row: &Row, column: &str) -> String {
    let text = row.try_get::<String, _>(column);
    let text = text.or_else(|_| Ok(row.try_get::<i64, _>(column)?.to_string()));
    let text = text.or_else(|_: Error| Ok(row.try_get::<i32, _>(column)?.to_string()));
    // A key that cannot be read must not hide the error; the other columns of the key still name the row.
    text.unwrap_or_else(|_: Error| "?".to_owned())
}
