//! What SQLite's errors mean for the caller.

use sqlx::error::Error;

use crate::{AppendError, Corrupt, Fault, StoreError};

/// Primary result codes of the file or the machine as a whole: PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT,
/// FULL, CANTOPEN, PROTOCOL, NOLFS, AUTH, NOTADB. All others may be the fault of an event.
const OUTAGES: [i32; 14] = [3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 22, 23, 26];

pub(super) fn store(error: Error) -> StoreError {
    match &error {
        Error::ColumnDecode { .. } | Error::Decode(_) => Corrupt::decoding("?", "?", error).into(),
        _ => StoreError::Unavailable(fault(error)),
    }
}

pub(super) fn append(error: Error) -> AppendError {
    if may_be_the_event(&error) {
        AppendError::Refused(fault(error))
    } else {
        AppendError::Unavailable(fault(error))
    }
}

fn fault(error: Error) -> Fault {
    let code = error
        .as_database_error()
        .and_then(|error| Some(error.code()?.into_owned()));
    Fault::caused_by(message(&error), code, error)
}

fn may_be_the_event(error: &Error) -> bool {
    match error {
        Error::Database(error) => {
            // All of SQLite's codes are numbers; what has none is not blamed on the event.
            let code = error.code().and_then(|code| code.parse::<i32>().ok());
            // The low byte of an extended code is the primary one.
            code.is_some_and(|code| !OUTAGES.contains(&(code & 0xff)))
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
