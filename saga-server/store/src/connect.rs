//! From a URL to the adapter of its database.

use std::sync::Arc;

use crate::{
    error::StoreError,
    port::{Store, StoreOptions},
    postgres::PostgresStore,
    sqlite::SqliteStore,
};

/// Connects to the database that a URL names: `postgres://…`, `postgresql://…` or `sqlite:PATH`.
///
/// The database need not be reachable yet: connections are made when they are needed.
///
/// # Errors
///
/// [`StoreError::Configuration`] when the URL is of another kind or malformed.
pub async fn connect(url: &str, options: StoreOptions) -> Result<Arc<dyn Store>, StoreError> {
    match url.split_once(':') {
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(PostgresStore::connect(url, options)?)),
        Some(("sqlite", _)) => Ok(Arc::new(SqliteStore::connect(url, options)?)),
        _ => Err(StoreError::Configuration(
            "the database's URL must start with postgres:// or sqlite:".into(),
        )),
    }
}
