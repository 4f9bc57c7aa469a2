//! The PostgreSQL adapter.
//!
//! | part | what |
//! | --- | --- |
//! | `connect`, `sessions` | connections, migrations, and whether a pooler keeps sessions |
//! | `append`, `abort` | the transaction of a batch, and why it ends without a commit |
//! | `steps`, `copy`, `instances` | the rows of a batch: steps, by COPY when they are many, and the sagas that are locked and written back |
//! | `rollups` | counts: changed with each batch, merged from time to time |
//! | `search`, `step_prefilter`, `filters`, `totals`, `refreshing_cache` | pages of sagas and how many there are |
//! | `samples` | what a bounded number of sagas of a period say |
//! | `changes` | changes, announced with NOTIFY |
//! | `distribution` | tables distributed over the workers of Citus |
//! | `dialect`, `table`, `error` | words and errors of PostgreSQL, for the files of `sql`, which are the other modules |
//!
//! Rule of thumb: transactions run in tasks of their own, so that a caller that stops waiting cannot leave a connection
//! inside one; readers and writers have separate connections, so that neither starves the other.

mod abort;
#[path = "../sql/acknowledgeable.rs"]
mod acknowledgeable;
#[path = "../sql/acknowledged.rs"]
mod acknowledged;
#[path = "../sql/acknowledgements.rs"]
mod acknowledgements;
mod append;
mod changes;
#[path = "../sql/collectors.rs"]
mod collectors;
#[path = "../sql/conditions.rs"]
mod conditions;
mod connect;
mod copy;
#[path = "../sql/dead_letters.rs"]
mod dead_letters;
mod dialect;
#[path = "../sql/dismissal.rs"]
mod dismissal;
mod distribution;
#[path = "../sql/draw.rs"]
mod draw;
#[path = "../sql/erased_letters.rs"]
mod erased_letters;
#[path = "../sql/erasure.rs"]
mod erasure;
#[path = "../sql/erasure_transaction.rs"]
mod erasure_transaction;
mod error;
#[path = "../sql/failures.rs"]
mod failures;
mod filters;
#[path = "../sql/find.rs"]
mod find;
#[path = "../sql/flows.rs"]
mod flows;
#[path = "../sql/fold.rs"]
mod fold;
#[path = "../sql/forget.rs"]
mod forget;
mod instances;
#[path = "../sql/job_creation.rs"]
mod job_creation;
#[path = "../sql/job_items.rs"]
mod job_items;
#[path = "../sql/job_rows.rs"]
mod job_rows;
#[path = "../sql/jobs.rs"]
mod jobs;
#[path = "../sql/letter_counts.rs"]
mod letter_counts;
#[path = "../sql/letter_index.rs"]
mod letter_index;
#[path = "../sql/names.rs"]
mod names;
#[path = "../sql/notes.rs"]
mod notes;
#[path = "../sql/old_rows.rs"]
mod old_rows;
#[path = "../sql/operations.rs"]
mod operations;
#[path = "../sql/port.rs"]
mod port;
#[path = "../sql/producer_tables.rs"]
mod producer_tables;
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
#[path = "../sql/scope.rs"]
mod scope;
mod search;
mod sessions;
#[path = "../sql/standstills.rs"]
mod standstills;
#[path = "../sql/statistics.rs"]
mod statistics;
mod step_prefilter;
mod steps;
#[path = "../sql/suspects.rs"]
mod suspects;
mod table;
mod totals;
#[path = "../sql/trends.rs"]
mod trends;
#[path = "../sql/usual.rs"]
mod usual;
#[path = "../sql/usual_rows.rs"]
mod usual_rows;
#[path = "../sql/versions.rs"]
mod versions;
#[path = "../sql/views.rs"]
mod views;
#[path = "../sql/waits.rs"]
mod waits;
#[path = "../sql/watch.rs"]
mod watch;
#[path = "../sql/webhook_rows.rs"]
mod webhook_rows;
#[path = "../sql/webhooks.rs"]
mod webhooks;

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, migrate::Migrator, postgres::PgConnectOptions};

use super::{
    AppendError, ChangedSagas, CurrentDefinitions, CurrentUsual, Fault, StoreError, StoreOptions,
    layout::Layout, usual::Rounds, webhooks::NotesFailures,
};

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

/// How long the database may take to answer for a batch. It ends a statement after 20 s itself; when it has not answered
/// for so long, the server or the network has failed silently, which TCP alone may never notice.
const ANSWER: Duration = Duration::from_secs(25);

/// Sagas in PostgreSQL, version 14 or later.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    writers: PgPool,
    readers: PgPool,
    definitions: CurrentDefinitions,
    usual: CurrentUsual,
    rounds: Rounds,
    changed: Arc<ChangedSagas>,
    notes_failures: NotesFailures,
    pace: Arc<rollups::Pace>,
    repeats: Arc<steps::Repeats>,
    caches: Arc<search::SearchCaches>,
    sessions: Arc<sessions::Sessions>,
    layouts: Arc<distribution::Layouts>,
    answer: Duration,
}

impl PostgresStore {
    /// Makes a store without connecting yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Configuration`] when the URL is malformed.
    pub fn connect(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let connect::Pools {
            writers,
            readers,
            layouts,
        } = connect::pools(url, options.max_connections)?;
        Ok(Self {
            sessions: Arc::new(sessions::Sessions::of(PgConnectOptions::clone(
                &writers.connect_options(),
            ))),
            writers,
            readers,
            definitions: CurrentDefinitions::new(options.definitions),
            usual: CurrentUsual::default(),
            rounds: Rounds::default(),
            changed: Arc::default(),
            notes_failures: NotesFailures::default(),
            pace: Arc::default(),
            repeats: Arc::default(),
            caches: Arc::default(),
            layouts,
            answer: ANSWER,
        })
    }

    /// Sets how long the database may take to answer for a batch until it counts as unavailable; 25 s.
    #[must_use]
    pub fn with_append_timeout(mut self, answer: Duration) -> Self {
        self.answer = answer;
        self
    }

    /// Where the tables are, which the first connection finds out.
    async fn layout(&self) -> Result<Layout, StoreError> {
        if let Some(layout) = self.layouts.get()? {
            return Ok(layout);
        }
        drop(self.readers.acquire().await.map_err(error::store)?);
        Ok(self.layouts.get()?.unwrap_or(Layout::Single))
    }

    /// Where what is noted beside batches goes: not to the writers' connections, since a batch may need them all.
    fn notes(&self) -> &PgPool {
        &self.readers
    }

    async fn with_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, AppendError>> + Send,
    ) -> Result<T, AppendError> {
        tokio::time::timeout(self.answer, work).await.unwrap_or_else(|_| {
            let fault = Fault::from(format!("no answer for {} s", self.answer.as_secs()));
            Err(AppendError::Unavailable(fault.perhaps_of_the_batch()))
        })
    }
}
