//! A service's own SQLite file, and its transactions.

use std::{path::Path, time::Duration};

use sqlx::{
    Sqlite, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

use crate::{DomainEvent, Topics, outbox};

/// How long to wait for another transaction.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A service's own database.
#[derive(Debug, Clone)]
pub struct Database {
    pool: SqlitePool,
    topics: Topics,
}

impl Database {
    /// Opens the file, and makes it and its tables when they are missing. `schema` holds the service's own tables.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or the schema is wrong.
    pub async fn open(path: &Path, schema: &'static str, topics: Topics) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(TIMEOUT)
            .connect_with(options)
            .await?;
        for tables in [include_str!("schema.sql"), schema] {
            sqlx::raw_sql(tables).execute(&pool).await?;
        }
        Ok(Self { pool, topics })
    }

    /// For reading.
    #[must_use]
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Begins a transaction that writes: all of it happens, or nothing.
    ///
    /// # Errors
    ///
    /// When another one holds the database for too long.
    pub async fn begin(&self) -> Result<Work, sqlx::Error> {
        // IMMEDIATE: a transaction that reads first and writes later could not be let in behind another writer.
        let transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Work {
            transaction,
            topics: self.topics.clone(),
        })
    }
}

/// A transaction: what changes in the service's tables, and what it tells the others about that.
#[derive(Debug)]
pub struct Work {
    transaction: Transaction<'static, Sqlite>,
    topics: Topics,
}

impl Work {
    /// For the service's own statements.
    pub fn sql(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Tells the other services, if and when the transaction is committed.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn publish(&mut self, event: &DomainEvent) -> Result<(), sqlx::Error> {
        outbox::add(&mut self.transaction, self.topics.of(&event.what), event).await
    }

    /// Whether the event was not handled before. Committed with the rest.
    pub(crate) async fn is_first(&mut self, event: &DomainEvent) -> Result<bool, sqlx::Error> {
        let insert = sqlx::query("INSERT INTO inbox (event_id) VALUES (?) ON CONFLICT DO NOTHING");
        let done = insert.bind(&event.event_id).execute(self.sql()).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Makes it so.
    ///
    /// # Errors
    ///
    /// When the database fails; then nothing has happened.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await
    }
}
