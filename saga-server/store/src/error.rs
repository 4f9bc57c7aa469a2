//! What can go wrong with the database, distinguished by what the caller can do about it.

use std::{error::Error, fmt, sync::Arc};

use thiserror::Error;

/// Why the database gave no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database is unavailable, read-only, overloaded, restarting, or not migrated yet: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] Fault),
    /// The configuration cannot work: trying again does not help.
    #[error("{0}")]
    Configuration(#[source] Fault),
    /// What is stored cannot be read: a bug, or it was changed by hand.
    #[error("stored data cannot be read: {0}")]
    Corrupt(#[source] Corrupt),
}

/// Which stored value cannot be read, and why.
#[derive(Debug, Error)]
#[error("{table}.{column} of row {row}: {cause}")]
pub struct Corrupt {
    table: &'static str,
    column: String,
    row: String,
    #[source]
    cause: Box<dyn Error + Send + Sync>,
}

impl Corrupt {
    /// Names a value by its table, its column and the key of its row.
    pub fn new(
        table: &'static str,
        column: impl Into<String>,
        row: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            table,
            column: column.into(),
            row: row.into(),
            cause: cause.into(),
        }
    }
}

impl Corrupt {
    /// A column of a row that could not be decoded.
    pub(super) fn decoding(table: &'static str, row: impl Into<String>, error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { index, source } => {
                Self::new(table, index.trim_matches('"'), row, source)
            }
            other => Self::new(table, "?", row, other),
        }
    }
}

impl From<Corrupt> for StoreError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

/// Why a batch was not stored.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The database takes nothing at present: try the same batch again later. When the connection ended while the batch was
    /// under way ([`Fault::is_without_answer`]), a value in it may be the cause nevertheless: a made-up event tells
    /// ([`Store::probe_write`](super::Store::probe_write)), once the database answers again.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] Fault),
    /// The database refuses something in the batch, and takes other events: split the batch to find out what. Whatever
    /// the SQLSTATE, it is a refusal only when a made-up event passes ([`Store::probe_write`](super::Store::probe_write)).
    #[error("the database refuses the batch: {0}")]
    Refused(#[source] Fault),
    /// The database ended the batch with what usually is an outage, such as a timeout, and took a made-up event of the same
    /// size right after: split the batch. An event that fails alone, again and again, is at fault.
    #[error("the database fails the batch: {0}")]
    Failed(#[source] Fault),
}

impl AppendError {
    /// The database answered without an error and did not write a row, as when a trigger leaves it out.
    pub(super) fn not_kept() -> Self {
        Self::Refused("the database accepted a row and did not store it".into())
    }
}

/// What the database, or the way to it, said. Its text has no values of rows, and no secrets.
#[derive(Clone)]
pub struct Fault {
    message: String,
    sqlstate: Option<String>,
    share: Share,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// Which share the values of a batch may have in an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    /// None: nothing of the batch was sent.
    None,
    /// The database answered with an error, or not in time.
    Possible,
    /// The connection ended while the batch was under way.
    WithoutAnswer,
}

impl Fault {
    /// An outage that one event may cause alone: the database answered with an error, or not in time.
    pub(super) fn perhaps_of_the_batch(mut self) -> Self {
        self.share = Share::Possible;
        self
    }

    /// An outage in which the connection ended while a batch was under way.
    #[must_use]
    pub fn without_answer(mut self) -> Self {
        self.share = Share::WithoutAnswer;
        self
    }

    /// Whether the connection ended while a batch was under way: because the database or the way to it went away, or because
    /// the process that served the batch died of a value in it.
    #[must_use]
    pub fn is_without_answer(&self) -> bool {
        self.share == Share::WithoutAnswer
    }

    /// With the error that caused it.
    pub(super) fn caused_by(
        message: String,
        sqlstate: Option<String>,
        cause: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            message,
            sqlstate,
            share: Share::None,
            cause: Some(Arc::new(cause)),
        }
    }

    /// Of a transaction that conflicted with others each time it was tried; the last conflict is the cause.
    pub(super) fn conflicts(attempts: u32, last: Option<Self>) -> Self {
        let message = format!("conflicted with other writers {attempts} times");
        match last {
            Some(last) => Self::caused_by(format!("{message}: {last}"), last.sqlstate.clone(), last),
            None => message.into(),
        }
    }

    /// The code of the database's error: an SQLSTATE, or a result code of SQLite.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }
}

impl<T: Into<String>> From<T> for Fault {
    fn from(message: T) -> Self {
        Self {
            message: message.into(),
            sqlstate: None,
            share: Share::None,
            cause: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// Without the cause, whose details may quote rows.
impl fmt::Debug for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.message)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_deref()?)
    }
}

impl From<StoreError> for AppendError {
    /// An event whose saga cannot be read any more must not hold up the others.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(fault) | StoreError::Configuration(fault) => Self::Unavailable(fault),
            corrupt @ StoreError::Corrupt(_) => {
                Self::Refused(Fault::caused_by(corrupt.to_string(), None, corrupt))
            }
        }
    }
}

impl From<AppendError> for StoreError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Unavailable(fault) | AppendError::Refused(fault) | AppendError::Failed(fault) => {
                Self::Unavailable(fault)
            }
        }
    }
}

/// Distinguishes a refusal from an outage: what was refused or failed is at fault only when a made-up value of its kind passes.
pub(super) async fn confirm_refusal<T>(
    result: Result<T, AppendError>,
    probe: impl Future<Output = Result<(), AppendError>>,
) -> Result<T, AppendError> {
    match result {
        Err(AppendError::Refused(fault)) => match probe.await {
            Ok(()) => Err(AppendError::Refused(fault)),
            Err(_) => Err(AppendError::Unavailable(fault)),
        },
        Err(AppendError::Unavailable(fault)) if fault.share == Share::Possible => match probe.await {
            Ok(()) => Err(AppendError::Failed(fault)),
            Err(_) => Err(AppendError::Unavailable(fault)),
        },
        other => other,
    }
}
