//! What PostgreSQL's errors mean for the caller.

use sqlx::error::{DatabaseError, Error};

use crate::{AppendError, StoreError};

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The same transaction may succeed at once: it met another one.
    Again,
    /// The same statement may succeed later.
    Later,
    /// The data is not taken.
    Never,
}

pub(super) fn remedy(error: &Error) -> Remedy {
    match error {
        Error::Database(error) => error.code().map_or(Remedy::Later, |code| remedy_of(&code)),
        Error::Encode(_) | Error::InvalidArgument(_) => Remedy::Never,
        _ => Remedy::Later,
    }
}

/// Only what speaks of the values of a statement blames the data. A missing table, a missing permission, a full disk, a
/// read-only standby: none of them is the data's fault.
fn remedy_of(sqlstate: &str) -> Remedy {
    match (sqlstate, sqlstate.get(..2)) {
        // serialization_failure, deadlock_detected
        ("40001" | "40P01", _) => Remedy::Again,
        // data exception, integrity constraint violation, program limit exceeded
        (_, Some("22" | "23" | "54")) => Remedy::Never,
        _ => Remedy::Later,
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
    match remedy(error) {
        Remedy::Never => AppendError::Refused(message(error)),
        Remedy::Again | Remedy::Later => AppendError::Unavailable(message(error)),
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
            ("22003", Remedy::Never),
            ("22P05", Remedy::Never),
            ("23514", Remedy::Never),
            ("54000", Remedy::Never),
            ("40001", Remedy::Again),
            ("40P01", Remedy::Again),
            ("08006", Remedy::Later),
            ("25006", Remedy::Later),
            ("28P01", Remedy::Later),
            ("42P01", Remedy::Later),
            ("42501", Remedy::Later),
            ("53100", Remedy::Later),
            ("55P03", Remedy::Later),
            ("57P01", Remedy::Later),
            ("58030", Remedy::Later),
            ("XX000", Remedy::Later),
        ] {
            assert_eq!(remedy_of(sqlstate), expected, "{sqlstate}");
        }
    }
}
