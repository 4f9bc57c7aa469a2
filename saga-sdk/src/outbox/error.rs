//! Why the outbox failed.

use thiserror::Error;

use crate::InputError;

/// Why an event could not be written to the outbox, or read from it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The call's values were refused; nothing was written.
    #[error("invalid input: {0}")]
    Input(#[from] InputError),
    /// The connection has no open transaction of sqlx's (`pool.begin()`); nothing was written.
    #[error(
        "the saga outbox: no transaction is open: begin one with sqlx and commit it with the business change"
    )]
    NoTransaction,
    /// The database refused.
    #[error("the saga outbox: {0}")]
    Database(#[from] sqlx::Error),
}
