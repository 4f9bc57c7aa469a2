//! The SQLite adapter, for one process.
//!
//! Rule of thumb: there is one writer, which takes the write lock at the beginning of its transaction; readers see the
//! last commit and wait for nobody.

mod abort;
mod append;
mod changes;
mod connect;
#[path = "../sql/dead_letters.rs"]
mod dead_letters;
mod dialect;
mod error;
#[path = "../sql/fold.rs"]
mod fold;
mod instances;
#[path = "../sql/producers.rs"]
mod producers;
#[path = "../sql/progress.rs"]
mod progress;
#[path = "../sql/read.rs"]
mod read;
#[path = "../sql/rebuild.rs"]
mod rebuild;
#[path = "../sql/retention.rs"]
mod retention;
mod rollups;
#[path = "../sql/rows.rs"]
mod rows;
mod samples;
mod search;
#[path = "../sql/statistics.rs"]
mod statistics;
mod table;
#[path = "../sql/trends.rs"]
mod trends;
#[path = "../sql/watch.rs"]
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use saga_types::{SagaEvent, Timestamp, definition::Definitions, fold::SagaState};
use sqlx::{SqlitePool, migrate::Migrator};

use super::{
    AppendError, Appended, Attempt, Attention, ChangedSagas, DeadLetterStore, LetterFilter, LetterGroup,
    LetterPage, LetterQuery, NewLetter, Page, Position, SagaQuery, Statistics, StatisticsQuery, StepPage,
    Store, StoreError, StoreOptions,
};
use crate::{batch::TxOutcome, deadline::in_time, detached::run_detached, error::confirm_refusal, probe};

/// What the files of `sql` call the database for which they are compiled.
type Db = sqlx::Sqlite;
type Pool = sqlx::SqlitePool;
type Row = sqlx::sqlite::SqliteRow;
type Connection = sqlx::SqliteConnection;
type Adapter = SqliteStore;

static MIGRATOR: Migrator = {
    let mut migrator = sqlx::migrate!("./migrations/sqlite");
    migrator.ignore_missing = true;
    migrator
};

/// Sagas in a SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    /// One connection: SQLite has one writer at a time, and waiting here is fairer than waiting in SQLite.
    writers: SqlitePool,
    readers: SqlitePool,
    definitions: Arc<Definitions>,
    changed: Arc<ChangedSagas>,
}

impl SqliteStore {
    /// Makes a store without opening the file yet. It is made when it is missing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Configuration`] when the URL is malformed, or names no file.
    pub fn connect(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let connect::Pools { writers, readers } = connect::pools(url, options.max_connections)?;
        Ok(Self {
            writers,
            readers,
            definitions: options.definitions,
            changed: Arc::default(),
        })
    }

    async fn append_as(&self, batch: Arc<[SagaEvent]>, outcome: TxOutcome) -> Result<Appended, AppendError> {
        append::append(self, batch, outcome).await
    }

    /// Where what is noted beside batches goes.
    fn notes(&self) -> &SqlitePool {
        &self.writers
    }

    /// SQLite has deadlines of its own.
    async fn with_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, AppendError>> + Send,
    ) -> Result<T, AppendError> {
        work.await
    }

    async fn probe(&self) -> Result<(), AppendError> {
        let probe = Arc::new([probe::event()]);
        self.append_as(probe, TxOutcome::RolledBack).await.map(drop)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        let store = self.clone();
        run_detached(async move { connect::migrate(&store.writers).await }).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let store = self.clone();
        run_detached(async move { connect::check(&store.writers).await }).await
    }

    async fn append(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        let store = self.clone();
        run_detached(async move {
            let touched = super::changes::touched(&batch);
            let appended = store.append_as(batch, TxOutcome::Committed).await;
            let appended = confirm_refusal(appended, store.probe()).await?;
            store.changed.add(touched);
            Ok(appended)
        })
        .await
    }

    async fn probe_write(&self) -> Result<(), StoreError> {
        let store = self.clone();
        Ok(run_detached(async move { store.probe().await }).await?)
    }

    async fn saga(&self, saga_id: &str) -> Result<Option<SagaState>, StoreError> {
        read::saga(&self.readers, &self.definitions, saga_id).await
    }

    async fn saga_as_of(&self, saga_id: &str, moment: Timestamp) -> Result<Option<SagaState>, StoreError> {
        read::saga_as_of(&self.readers, &self.definitions, saga_id, moment).await
    }

    async fn steps(
        &self,
        saga_id: &str,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<Option<StepPage>, StoreError> {
        read::steps(&self.readers, saga_id, after, limit).await
    }

    async fn search(&self, query: &SagaQuery) -> Result<Page, StoreError> {
        search::search(&self.readers, &self.definitions, query).await
    }

    async fn statistics(&self, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
        statistics::statistics(&self.readers, query).await
    }

    async fn attention(&self, now: Timestamp) -> Result<Attention, StoreError> {
        statistics::attention(&self.readers, now).await
    }
}

#[async_trait]
impl DeadLetterStore for SqliteStore {
    async fn keep_letters(&self, letters: Vec<NewLetter>) -> Result<u64, AppendError> {
        let store = self.clone();
        run_detached(async move {
            let kept = dead_letters::keep(&store.writers, &letters, TxOutcome::Committed).await;
            let probe = async {
                let probe = [probe::letter()];
                dead_letters::keep(&store.writers, &probe, TxOutcome::RolledBack)
                    .await
                    .map(drop)
            };
            confirm_refusal(kept, probe).await
        })
        .await
    }

    async fn letters(&self, query: &LetterQuery) -> Result<LetterPage, StoreError> {
        dead_letters::letters(&self.readers, query).await
    }

    async fn letter_groups(&self, filter: &LetterFilter) -> Result<Vec<LetterGroup>, StoreError> {
        dead_letters::groups(&self.readers, filter).await
    }

    async fn letters_waiting(&self) -> Result<u64, StoreError> {
        dead_letters::waiting(&self.readers).await
    }

    async fn letters_stored(&self) -> Result<u64, StoreError> {
        dead_letters::stored(&self.readers).await
    }

    async fn remove_letters(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let store = self.clone();
        run_detached(async move { in_time(dead_letters::remove(&store.writers, before, limit)).await }).await
    }

    async fn letters_attempted(&self, attempts: Vec<Attempt>) -> Result<(), StoreError> {
        let store = self.clone();
        run_detached(async move { dead_letters::attempted(&store.writers, &attempts).await }).await
    }

    async fn append_dry_run(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        let store = self.clone();
        run_detached(async move {
            let appended = store.append_as(batch, TxOutcome::RolledBack).await;
            confirm_refusal(appended, store.probe()).await
        })
        .await
    }
}
