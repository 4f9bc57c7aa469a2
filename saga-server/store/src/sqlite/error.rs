//! What SQLite's errors mean for the caller.

use sqlx::error::Error;

use crate::{AppendError, StoreError};

/// Primary result codes that speak of the values of a statement: `TOOBIG`, `CONSTRAINT`, `MISMATCH`, `RANGE`. All others
/// (busy, locked, read-only, input or output, full, cannot open, a missing table) may be over later.
const REFUSALS: [i32; 4] = [18, 19, 20, 25];

pub(super) fn store(error: Error) -> StoreError {
    match &error {
        Error::ColumnDecode { .. } | Error::Decode(_) => StoreError::Corrupt(message(&error)),
        _ => StoreError::Unavailable(message(&error)),
    }
}

pub(super) fn append(error: Error) -> AppendError {
    if is_refusal(&error) {
        AppendError::Refused(message(&error))
    } else {
        AppendError::Unavailable(message(&error))
    }
}

fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<i32>().ok());
            // The low byte of an extended code is the primary one.
            code.is_some_and(|code| REFUSALS.contains(&(code & 0xff)))
        }
        Error::Encode(_) | Error::InvalidArgument(_) => true,
        _ => false,
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::Database(error) => {
            let message: String = error.message().chars().take(300).collect();
            match error.code() {
                Some(code) => format!("{message} (SQLite code {code})"),
                None => message,
            }
        }
        Error::PoolTimedOut => "no connection in time".to_owned(),
        other => other.to_string(),
    }
}
