//! Why a transaction that folds steps ends without a commit.

use super::error;
use crate::{AppendError, Fault, StoreError};

/// Why an attempt ended without a commit.
pub(super) enum Abort {
    /// It conflicted with another writer: the same transaction may succeed at once.
    Conflict(Fault),
    /// It has events of these sagas, which were removed.
    Removed(Vec<String>),
    /// Trying it again now does not help.
    Ended(AppendError),
}

impl Abort {
    /// What the transaction conflicted with, if it may succeed at once; else why not.
    pub(super) fn conflict(self) -> Result<Fault, StoreError> {
        match self {
            Self::Conflict(other) => Ok(other),
            Self::Removed(sagas) => Ok(format!("{} sagas that were removed", sagas.len()).into()),
            Self::Ended(error) => Err(error.into()),
        }
    }
}

impl From<sqlx::Error> for Abort {
    fn from(error: sqlx::Error) -> Self {
        match error::retry(&error) {
            error::Retry::Now => Self::Conflict(error::fault(error)),
            _ => Self::Ended(error::append(error)),
        }
    }
}

impl From<StoreError> for Abort {
    fn from(error: StoreError) -> Self {
        Self::Ended(error.into())
    }
}

impl From<AppendError> for Abort {
    fn from(error: AppendError) -> Self {
        Self::Ended(error)
    }
}
