//! What SQLite's errors mean for the caller.

use sqlx::error::Error;

use crate::{AppendError, Corrupt, Fault, StoreError};

/// Primary result codes of the file or the machine as a whole: PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT,
/// FULL, CANTOPEN, PROTOCOL, NOLFS, AUTH, NOTADB. All others may be the fault of an event.
const OUTAGES: [i32; 14] = [3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 22, 23, 26];

/// Those of them that one event may cause alone, and that a made-up event meets, too, when it does not: NOMEM, INTERRUPT, CORRUPT.
const PERHAPS_OF_ONE: [i32; 3] = [7, 9, 11];

pub(super) fn store(error: Error) -> StoreError {
    match &error {
        Error::ColumnDecode { .. } | Error::Decode(_) => Corrupt::decoding("?", "?", error).into(),
        _ => StoreError::Unavailable(fault(error)),
    }
}

/// Nothing ends a statement here.
pub(super) const fn is_out_of_time(_: &Error) -> bool {
    false
}

pub(super) fn append(error: Error) -> AppendError {
    match &error {
        Error::Database(answer) => {
            // All of SQLite's codes are numbers; what has none is not blamed on the event. The low byte of an extended code
            // is the primary one.
            let code = answer.code().and_then(|code| code.parse::<i32>().ok());
            match code.map(|code| code & 0xff) {
                Some(code) if PERHAPS_OF_ONE.contains(&code) => {
                    AppendError::Unavailable(fault(error).perhaps_of_the_batch())
                }
                Some(code) if !OUTAGES.contains(&code) => AppendError::Refused(fault(error)),
                _ => AppendError::Unavailable(fault(error)),
            }
        }
        Error::Encode(_) | Error::InvalidArgument(_) => AppendError::Refused(fault(error)),
        Error::PoolTimedOut | Error::PoolClosed => AppendError::Unavailable(fault(error)),
        Error::Io(_) | Error::Protocol(_) | Error::WorkerCrashed => {
            AppendError::Unavailable(fault(error).without_answer())
        }
        _ => AppendError::Unavailable(fault(error).perhaps_of_the_batch()),
    }
}

fn fault(error: Error) -> Fault {
    let code = error
        .as_database_error()
        .and_then(|error| Some(error.code()?.into_owned()));
    Fault::caused_by(message(&error), code, error)
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
