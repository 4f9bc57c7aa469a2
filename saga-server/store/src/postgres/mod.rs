//! The PostgreSQL adapter.
//!
//! Rule of thumb: transactions run in tasks of their own, so that a caller that stops waiting cannot leave a connection
//! inside one; readers and writers have separate connections, so that neither starves the other.

mod abort;
mod append;
mod changes;
mod connect;
mod copy;
mod dead_letters;
mod error;
mod filters;
mod instances;
mod producers;
mod progress;
mod read;
mod rebuild;
mod refreshing_cache;
mod retention;
mod rollups;
mod search;
mod statistics;
mod step_prefilter;
mod steps;
mod totals;
mod trends;
mod watch;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use saga_types::{SagaEvent, Timestamp, definition::Definitions, fold::SagaState};
use sqlx::{PgPool, migrate::Migrator};

use super::{
    AppendError, Appended, Attempt, Attention, ChangedSagas, DeadLetterStore, LetterFilter, LetterGroup,
    LetterPage, LetterQuery, NewLetter, Page, Position, SagaQuery, Statistics, StatisticsQuery, StepPage,
    Store, StoreError, StoreOptions, batch::TxOutcome,
};
use crate::detached::run_detached;

static MIGRATOR: Migrator = {
    let mut migrator = sqlx::migrate!("./migrations/postgres");
    // While a newer version rolls out, instances of this one may still start.
    migrator.ignore_missing = true;
    migrator
};

/// How long the database may take to answer for a batch. It ends a statement after 60 s itself; when it has not said
/// anything for so long, it or the way to it vanished without a word, which TCP alone may not notice for ever.
const ANSWER: Duration = Duration::from_secs(150);

/// Sagas in PostgreSQL, version 14 or later.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    writers: PgPool,
    readers: PgPool,
    definitions: Arc<Definitions>,
    changed: Arc<ChangedSagas>,
    pace: Arc<rollups::Pace>,
    repeats: Arc<steps::Repeats>,
    caches: Arc<search::SearchCaches>,
    answer: Duration,
}

impl PostgresStore {
    /// Makes a store without connecting yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Configuration`] when the URL is malformed.
    pub fn connect(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let connect::Pools { writers, readers } = connect::pools(url, options.max_connections)?;
        Ok(Self {
            writers,
            readers,
            definitions: options.definitions,
            changed: Arc::default(),
            pace: Arc::default(),
            repeats: Arc::default(),
            caches: Arc::default(),
            answer: ANSWER,
        })
    }

    /// Sets how long the database may take to answer for a batch until it counts as away; 150 s.
    #[must_use]
    pub fn with_append_timeout(mut self, answer: Duration) -> Self {
        self.answer = answer;
        self
    }

    async fn with_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, AppendError>> + Send,
    ) -> Result<T, AppendError> {
        tokio::time::timeout(self.answer, work).await.unwrap_or_else(|_| {
            Err(AppendError::Unavailable(format!(
                "no answer for {} s",
                self.answer.as_secs()
            )))
        })
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        let store = self.clone();
        run_detached(async move { connect::migrate(&store.writers).await }).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        read::check(&self.readers).await
    }

    async fn append(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        let store = self.clone();
        run_detached(async move {
            let touched = super::changes::touched(&batch);
            let appending = append::append(&store, batch, TxOutcome::Committed);
            let appended = store.with_deadline(appending).await?;
            store.changed.add(touched);
            Ok(appended)
        })
        .await
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
        search::search(&self.readers, &self.definitions, &self.caches, query).await
    }

    async fn statistics(&self, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
        statistics::statistics(&self.readers, query).await
    }

    async fn attention(&self, now: Timestamp) -> Result<Attention, StoreError> {
        statistics::attention(&self.readers, now).await
    }
}

#[async_trait]
impl DeadLetterStore for PostgresStore {
    async fn keep_letters(&self, letters: Vec<NewLetter>) -> Result<u64, AppendError> {
        let store = self.clone();
        run_detached(async move {
            let keeping = dead_letters::keep(&store.writers, &letters);
            store.with_deadline(keeping).await
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

    async fn letters_attempted(&self, attempts: Vec<Attempt>) -> Result<(), StoreError> {
        let store = self.clone();
        run_detached(async move { dead_letters::attempted(&store.writers, &attempts).await }).await
    }

    async fn append_dry_run(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        let store = self.clone();
        run_detached(async move { append::append(&store, batch, TxOutcome::RolledBack).await }).await
    }
}
