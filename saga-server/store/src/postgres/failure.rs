//! Why a transaction that folds steps ends without a commit.

use super::error;
use crate::{AppendError, StoreError};

/// Why an attempt ended without a commit.
pub(super) enum Failure {
    /// It met another writer, or what one left behind.
    Met(String),
    /// It has events of sagas that were removed: these.
    Removed(Vec<String>),
    /// For good, as far as this batch or this moment is concerned.
    Ended(AppendError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error::remedy(&error) {
            error::Remedy::Again => Self::Met(error::message(&error)),
            _ => Self::Ended(error::append(&error)),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Ended(error.into())
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        Self::Ended(error)
    }
}
