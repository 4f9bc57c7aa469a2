//! What each transaction that erases something does: what it deletes is overwritten, and the log says what was erased.

use sqlx::Executor as _;

use super::{Adapter, Connection, dialect, error, operations};
use crate::{Conclusion, Erasure, Operation, OperationKind, StoreError};

/// Lets what the transaction deletes be overwritten.
pub(super) async fn overwrite_deleted(connection: &mut Connection) -> Result<(), sqlx::Error> {
    if let Some(statement) = dialect::OVERWRITE_DELETED {
        connection.execute(statement).await?;
    }
    Ok(())
}

/// Lets the file of the database have what the transaction wrote.
pub(super) async fn write_through(store: &Adapter) -> Result<(), StoreError> {
    if let Some(statement) = dialect::WRITE_THROUGH {
        store.writers.execute(statement).await.map_err(error::store)?;
    }
    Ok(())
}

/// Writes entries of the log of operations.
pub(super) async fn log(connection: &mut Connection, operations: Vec<Operation>) -> Result<(), sqlx::Error> {
    let conclusion = Conclusion {
        operations,
        ..Conclusion::default()
    };
    operations::conclude(connection, &conclusion).await
}

/// An entry of the log: what was erased, and by which key; never by which value.
pub(super) fn entry(erasure: &Erasure, what: String) -> Operation {
    let actor = erasure.actor.clone();
    Operation {
        detail: Some(format!("{what}, by the metadata key {}", erasure.key)),
        ..Operation::of(OperationKind::Erasure, actor, erasure.at, "ERASED")
    }
}
