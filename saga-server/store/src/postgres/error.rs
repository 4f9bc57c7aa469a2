//! What PostgreSQL's errors mean for the caller.

use sqlx::error::{DatabaseError, Error};

use crate::{AppendError, StoreError};

/// When a failed transaction may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// At once: it conflicted with another one.
    Now,
    /// Later: the database is not available.
    Later,
    /// Never: the data is refused.
    Never,
}

pub(super) fn retry(error: &Error) -> Retry {
    match error {
        Error::Database(error) => error.code().map_or(Retry::Later, |code| retry_of(&code)),
        Error::Encode(_) | Error::InvalidArgument(_) => Retry::Never,
        _ => Retry::Later,
    }
}

/// Only what speaks of the values of a statement blames the data. A missing table, a missing permission, a full disk, a
/// read-only standby: none of them is the data's fault.
fn retry_of(sqlstate: &str) -> Retry {
    match (sqlstate, sqlstate.get(..2)) {
        // serialization_failure, deadlock_detected
        ("40001" | "40P01", _) => Retry::Now,
        // data exception, integrity constraint violation, program limit exceeded
        (_, Some("22" | "23" | "54")) => Retry::Never,
        _ => Retry::Later,
    }
}

/// There is a row with this key already.
pub(super) fn is_known_key(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.is_unique_violation())
}

/// The statement was ended because it took longer than it may.
pub(super) fn is_out_of_time(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.code().as_deref() == Some("57014"))
}

pub(super) fn store(error: Error) -> StoreError {
    match &error {
        Error::ColumnDecode { .. } | Error::Decode(_) => StoreError::Corrupt(message(&error)),
        _ => StoreError::Unavailable(message(&error)),
    }
}

pub(super) fn append(error: &Error) -> AppendError {
    match retry(error) {
        Retry::Never => AppendError::Refused(message(error)),
        Retry::Now | Retry::Later => AppendError::Unavailable(message(error)),
    }
}

/// The server's message without its detail, which quotes rows.
pub(super) fn message(error: &Error) -> String {
    match error {
        Error::Database(error) => describe(error.as_ref()),
        Error::PoolTimedOut => "no connection in time".to_owned(),
        other => other.to_string(),
    }
}

fn describe(error: &dyn DatabaseError) -> String {
    let message: String = error.message().chars().take(300).collect();
    match error.code() {
        Some(code) => format!("{message} (SQLSTATE {code})"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_data_is_refused_for_good() {
        for (sqlstate, expected) in [
            ("22003", Retry::Never),
            ("22P05", Retry::Never),
            ("23514", Retry::Never),
            ("54000", Retry::Never),
            ("40001", Retry::Now),
            ("40P01", Retry::Now),
            ("08006", Retry::Later),
            ("25006", Retry::Later),
            ("28P01", Retry::Later),
            ("42P01", Retry::Later),
            ("42501", Retry::Later),
            ("53100", Retry::Later),
            ("55P03", Retry::Later),
            ("57P01", Retry::Later),
            ("58030", Retry::Later),
            ("XX000", Retry::Later),
        ] {
            assert_eq!(retry_of(sqlstate), expected, "{sqlstate}");
        }
    }
}
