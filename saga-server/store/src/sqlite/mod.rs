//! The SQLite adapter, for one process.
//!
//! | part | what |
//! | --- | --- |
//! | `connect` | connections and migrations |
//! | `append`, `expected`, `abort`, `steps`, `instances`, `rollups` | the transaction of a batch, and the rows that it changes |
//! | `search`, `samples` | pages of sagas, and what some of a period say |
//! | `changes` | changes of sagas, within this process alone |
//! | `dialect`, `table`, `error` | words and errors of SQLite, for the files of `sql`, which are the other modules |
//!
//! Rule of thumb: there is one writer, which takes the write lock at the beginning of its transaction; readers see the
//! last commit and never wait.

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
#[path = "../sql/dead_letters.rs"]
mod dead_letters;
mod dialect;
#[path = "../sql/dismissal.rs"]
mod dismissal;
#[path = "../sql/draw.rs"]
mod draw;
#[path = "../sql/erased_letters.rs"]
mod erased_letters;
#[path = "../sql/erasure.rs"]
mod erasure;
#[path = "../sql/erasure_transaction.rs"]
mod erasure_transaction;
mod error;
mod expected;
#[path = "../sql/failures.rs"]
mod failures;
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
#[path = "../sql/retention.rs"]
mod retention;
mod rollups;
#[path = "../sql/rows.rs"]
mod rows;
mod samples;
#[path = "../sql/scope.rs"]
mod scope;
mod search;
#[path = "../sql/standstills.rs"]
mod standstills;
#[path = "../sql/statistics.rs"]
mod statistics;
mod steps;
#[path = "../sql/suspects.rs"]
mod suspects;
mod table;
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

use std::sync::Arc;

use sqlx::{SqlitePool, migrate::Migrator};

use super::{
    AppendError, ChangedSagas, CurrentDefinitions, CurrentUsual, StoreError, StoreOptions, layout::Layout,
    usual::Rounds, webhooks::NotesFailures,
};

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
    definitions: CurrentDefinitions,
    usual: CurrentUsual,
    rounds: Rounds,
    changed: Arc<ChangedSagas>,
    notes_failures: NotesFailures,
    repeats: Arc<expected::Repeats>,
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
            definitions: CurrentDefinitions::new(options.definitions),
            usual: CurrentUsual::default(),
            rounds: Rounds::default(),
            changed: Arc::default(),
            notes_failures: NotesFailures::default(),
            repeats: Arc::default(),
        })
    }

    /// One file has all tables.
    async fn layout(&self) -> Result<Layout, StoreError> {
        Ok(Layout::Single)
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
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;

    use super::{MIGRATOR, letter_counts, suspects};
    use crate::LetterFilter;

    /// Sagas that end without an event that says so may be very many.
    #[tokio::test]
    async fn candidates_are_found_by_indexes_that_have_no_others() {
        let options = SqlitePoolOptions::new().max_connections(1);
        let pool = options.connect("sqlite::memory:").await.unwrap();
        MIGRATOR.run(&pool).await.unwrap();
        for (sql, index) in [
            (suspects::CANDIDATES, "saga_instance_unlimited"),
            (suspects::CANDIDATES_BEHIND, "saga_instance_undefined"),
        ] {
            let explained = format!("EXPLAIN QUERY PLAN {sql}");
            let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explained))
                .fetch_all(&pool)
                .await
                .unwrap();
            assert!(plan[0].3.contains(&format!("USING INDEX {index} (")), "{plan:?}");
        }
    }

    /// Between reading the causes and counting their letters the last letter of one may leave.
    #[tokio::test]
    async fn a_cause_without_letters_is_not_counted() {
        let options = SqlitePoolOptions::new().max_connections(1);
        let pool = options.connect("sqlite::memory:").await.unwrap();
        MIGRATOR.run(&pool).await.unwrap();
        for column in [letter_counts::Column::Cause, letter_counts::Column::Reason] {
            let (filter, gone) = (LetterFilter::default(), ["gone".to_owned()]);
            let counted = letter_counts::count_each(&pool, column, &filter, &gone).await;
            let (rows, is_exact) = counted.unwrap();
            assert!(is_exact);
            let causes: Vec<_> = rows
                .into_iter()
                .filter_map(letter_counts::CountsRow::cause)
                .collect();
            assert_eq!(causes, []);
        }
    }
}
