//! What PostgreSQL's errors mean for the caller.

use sqlx::error::{DatabaseError, Error};

use crate::{AppendError, Corrupt, Fault, StoreError};

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

/// A class says only whether the connection or the database as a whole is the cause. All else may be the fault of an event:
/// a value that a column, a trigger, a policy or an index does not take.
fn retry_of(sqlstate: &str) -> Retry {
    match (sqlstate, sqlstate.get(..2)) {
        // serialization_failure, deadlock_detected
        ("40001" | "40P01", _) => Retry::Now,
        // duplicate_prepared_statement (a pooler)
        ("42P05", _) => Retry::Later,
        // connection, transaction state (read-only), statement names (a pooler), authorization, no such database, rollback,
        // insufficient resources, object state (a lock), operator intervention, system error, configuration file
        (_, Some("08" | "25" | "26" | "28" | "3D" | "40" | "53" | "55" | "57" | "58" | "F0")) => Retry::Later,
        _ => Retry::Never,
    }
}

/// There is a row with this key already.
pub(super) fn is_known_key(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.is_unique_violation())
}

/// Citus gives what a worker said of a COPY without its SQLSTATE, so that it may be anything.
pub(super) fn is_unexplained(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.code().as_deref() == Some("XX000"))
}

/// A lock was not to be had in the time that the session waits for one.
pub(super) fn is_locked_out(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.code().as_deref() == Some("55P03"))
}

/// The statement was ended because it took longer than it may.
pub(super) fn is_out_of_time(error: &Error) -> bool {
    matches!(error, Error::Database(error) if error.code().as_deref() == Some("57014"))
}

pub(super) fn store(error: Error) -> StoreError {
    match &error {
        Error::ColumnDecode { .. } | Error::Decode(_) => Corrupt::decoding("?", "?", error).into(),
        _ => StoreError::Unavailable(fault(error)),
    }
}

pub(super) fn append(error: Error) -> AppendError {
    match retry(&error) {
        Retry::Never => AppendError::Refused(fault(error)),
        Retry::Now | Retry::Later => AppendError::Unavailable(match &error {
            Error::PoolTimedOut | Error::PoolClosed => fault(error),
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => {
                fault(error).without_answer()
            }
            _ => fault(error).perhaps_of_the_batch(),
        }),
    }
}

pub(super) fn fault(error: Error) -> Fault {
    let sqlstate = error
        .as_database_error()
        .and_then(|error| Some(error.code()?.into_owned()));
    Fault::caused_by(message(&error), sqlstate, error)
}

/// The server's message without its detail, which quotes rows.
pub(super) fn message(error: &Error) -> String {
    match error {
        Error::Database(error) if is_of_other_session(error.as_ref()) => {
            format!(
                "{}: a pooler in transaction mode is not supported, use session mode",
                describe(error.as_ref())
            )
        }
        Error::Database(error) => describe(error.as_ref()),
        Error::PoolTimedOut => "no connection in time".to_owned(),
        Error::Tls(cause) if cause.to_string().contains("UnsupportedCertVersion") => format!(
            "{error}: the server's certificate is of X.509 version 1 or 2, which the driver does not read, even where it does not \
             check it; make one of version 3, with a subjectAltName"
        ),
        other => other.to_string(),
    }
}

/// A prepared statement is not there, or is there already: the session was handed to another client.
fn is_of_other_session(error: &dyn DatabaseError) -> bool {
    matches!(error.code().as_deref(), Some("26000" | "42P05"))
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
    fn an_end_of_the_connection_is_no_answer_and_a_missing_connection_is_no_attempt() {
        let is_without_answer = |error| match append(error) {
            AppendError::Unavailable(fault) => fault.is_without_answer(),
            other => panic!("{other}"),
        };
        let ended = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        assert!(is_without_answer(Error::Io(ended())));
        assert!(is_without_answer(Error::Protocol(
            "unexpected message".to_owned()
        )));
        assert!(!is_without_answer(Error::PoolTimedOut));
        assert!(!is_without_answer(Error::Decode("no such enum".into())));
    }

    #[test]
    fn a_certificate_of_an_old_version_is_named() {
        let of_rustls = "invalid peer certificate: Other(OtherError(UnsupportedCertVersion))";
        let message = message(&Error::Tls(of_rustls.into()));
        assert!(message.contains("X.509 version 1"), "{message}");
        let other = super::message(&Error::Tls("invalid peer certificate: Expired".into()));
        assert!(!other.contains("X.509"), "{other}");
    }

    #[test]
    fn only_an_error_of_the_whole_database_is_an_outage_by_itself() {
        for (sqlstates, expected) in [
            (
                "22003 22P05 23505 23514 54000 P0001 42501 42P01 0A000 XX000 21000 2F002",
                Retry::Never,
            ),
            ("40001 40P01", Retry::Now),
            (
                "08006 25006 26000 28P01 3D000 42P05 53100 55P03 57P01 57P03 57014 58030",
                Retry::Later,
            ),
        ] {
            for sqlstate in sqlstates.split(' ') {
                assert_eq!(retry_of(sqlstate), expected, "{sqlstate}");
            }
        }
    }
}
