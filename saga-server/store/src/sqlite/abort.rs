//! Why a transaction that folds steps ends without a commit.

use super::error;
use crate::{AppendError, Fault, StoreError};

/// Why it ended. There is one writer, so that none conflicts with another.
pub(super) struct Abort(AppendError);

impl Abort {
    /// What a transaction conflicted with that may succeed at once, or why it may not.
    pub(super) fn conflict(self) -> Result<Fault, StoreError> {
        Err(self.0.into())
    }
}

impl From<sqlx::Error> for Abort {
    fn from(error: sqlx::Error) -> Self {
        Self(error::append(error))
    }
}

impl From<StoreError> for Abort {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl From<AppendError> for Abort {
    fn from(error: AppendError) -> Self {
        Self(error)
    }
}

impl From<Abort> for AppendError {
    fn from(abort: Abort) -> Self {
        abort.0
    }
}
