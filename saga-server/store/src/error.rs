//! What can go wrong with the database, told apart by what the caller can do about it.

use thiserror::Error;

/// Why the database gave no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database is away, read-only, overloaded, restarting, or not migrated yet: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The configuration cannot work: trying again does not help.
    #[error("{0}")]
    Configuration(String),
    /// What is stored cannot be read: a bug, or somebody changed it by hand.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
}

/// Why a batch was not stored.
#[derive(Debug, Error)]
pub enum AppendError {
    /// Try the same batch again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database does not take something in the batch, such as a number beyond its range.
    #[error("the database refuses the batch: {0}")]
    Refused(String),
}

impl From<StoreError> for AppendError {
    /// An event whose saga cannot be read any more must not hold up the others.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(message) | StoreError::Configuration(message) => {
                Self::Unavailable(message)
            }
            corrupt @ StoreError::Corrupt(_) => Self::Refused(corrupt.to_string()),
        }
    }
}
