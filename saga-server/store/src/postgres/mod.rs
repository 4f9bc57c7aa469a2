//! The PostgreSQL adapter.
//!
//! Rule of thumb: transactions run in tasks of their own, so that a caller that stops waiting cannot leave a connection
//! inside one; readers and writers have separate connections, so that neither starves the other.

mod abort;
mod append;
mod changes;
mod connect;
mod copy;
#[path = "../sql/dead_letters.rs"]
mod dead_letters;
mod dialect;
mod error;
mod filters;
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
mod refreshing_cache;
#[path = "../sql/retention.rs"]
mod retention;
mod rollups;
#[path = "../sql/rows.rs"]
mod rows;
mod samples;
mod search;
#[path = "../sql/statistics.rs"]
mod statistics;
mod step_prefilter;
mod steps;
mod table;
mod totals;
#[path = "../sql/trends.rs"]
mod trends;
#[path = "../sql/watch.rs"]
mod watch;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use saga_types::{SagaEvent, Timestamp, definition::Definitions, fold::SagaState};
use sqlx::{PgPool, migrate::Migrator};

use super::{
    AppendError, Appended, Attempt, Attention, ChangedSagas, DeadLetterStore, LetterFilter, LetterGroup,
    LetterPage, LetterQuery, NewLetter, Page, Position, SagaQuery, Statistics, StatisticsQuery, StepPage,
    Store, StoreError, StoreOptions,
};
use crate::{batch::TxOutcome, deadline::in_time, detached::run_detached, error::confirm_refusal, probe};

/// What the files of `sql` call the database for which they are compiled.
type Db = sqlx::Postgres;
type Pool = sqlx::PgPool;
type Row = sqlx::postgres::PgRow;
type Connection = sqlx::PgConnection;
type Adapter = PostgresStore;

static MIGRATOR: Migrator = {
    let mut migrator = sqlx::migrate!("./migrations/postgres");
    // While a newer version rolls out, instances of this one may still start.
    migrator.ignore_missing = true;
    migrator
};

/// How long the database may take to answer for a batch. It ends a statement after 30 s itself; when it has not answered
/// for so long, it or the way to it vanished silently, which TCP alone may not notice for ever.
const ANSWER: Duration = Duration::from_secs(60);

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

    /// Sets how long the database may take to answer for a batch until it counts as away; 60 s.
    #[must_use]
    pub fn with_append_timeout(mut self, answer: Duration) -> Self {
        self.answer = answer;
        self
    }

    async fn append_as(&self, batch: Arc<[SagaEvent]>, outcome: TxOutcome) -> Result<Appended, AppendError> {
        self.with_deadline(append::append(self, batch, outcome)).await
    }

    /// Where what is noted beside batches goes: not to the writers' connections, since a batch may need them all.
    fn notes(&self) -> &PgPool {
        &self.readers
    }

    async fn probe(&self) -> Result<(), AppendError> {
        let probe = Arc::new([probe::event()]);
        self.append_as(probe, TxOutcome::RolledBack).await.map(drop)
    }

    async fn with_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, AppendError>> + Send,
    ) -> Result<T, AppendError> {
        tokio::time::timeout(self.answer, work).await.unwrap_or_else(|_| {
            Err(AppendError::Unavailable(
                format!("no answer for {} s", self.answer.as_secs()).into(),
            ))
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
        in_time(connect::check(&self.readers)).await
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
        search::search(&self.readers, &self.definitions, &self.caches, query).await
    }

    async fn statistics(&self, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
        statistics::statistics(&self.readers, query).await
    }

    async fn attention(&self, now: Timestamp) -> Result<Attention, StoreError> {
        in_time(statistics::attention(&self.readers, now)).await
    }
}

#[async_trait]
impl DeadLetterStore for PostgresStore {
    async fn keep_letters(&self, letters: Vec<NewLetter>) -> Result<u64, AppendError> {
        let store = self.clone();
        run_detached(async move {
            let keep = async |letters: &[NewLetter], outcome| {
                let keeping = dead_letters::keep(&store.writers, letters, outcome);
                store.with_deadline(keeping).await
            };
            let kept = keep(&letters, TxOutcome::Committed).await;
            let probe = async { keep(&[probe::letter()], TxOutcome::RolledBack).await.map(drop) };
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
        in_time(dead_letters::waiting(&self.readers)).await
    }

    async fn letters_stored(&self) -> Result<u64, StoreError> {
        in_time(dead_letters::stored(&self.readers)).await
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
