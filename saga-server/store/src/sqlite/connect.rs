//! Connections and their settings, and the migrations.

use std::{
    path::PathBuf,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    Connection, SqlitePool,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{MIGRATOR, SqliteStore, dialect, error};
use crate::{Fault, StoreError};

/// How long to wait for a connection, or for another process that writes to the file.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Pools {
    pub(super) writers: SqlitePool,
    pub(super) readers: SqlitePool,
}

pub(super) fn pools(url: &str, max_connections: u32) -> Result<Pools, StoreError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| {
        let message = format!("the database's URL is malformed: expected sqlite:PATH ({error})");
        StoreError::Configuration(Fault::caused_by(message, None, error))
    })?;
    if url.contains(":memory:")
        || url.contains("mode=memory")
        || options.get_filename().as_os_str().is_empty()
    {
        return Err(StoreError::Configuration(
            "the database's URL must name a file: sqlite:PATH".into(),
        ));
    }
    // FULL syncs the log with every commit, so that what was acknowledged outlives a power failure too.
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(ACQUIRE_TIMEOUT);
    let readers = max_connections.saturating_sub(1).max(1);
    let file = Arc::new(File::at(options.get_filename().to_owned()));
    // A batch touches pages all over the indexes: what does not stay in memory is read again for each, and what is copied
    // from the log to the file too early is copied again and again.
    let writer = options
        .clone()
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "8000");
    Ok(Pools {
        writers: pool(writer, 1, Arc::clone(&file)),
        readers: pool(options.pragma("query_only", "ON"), readers, file),
    })
}

/// Which file the path names, and since when. What a connection opened may have been deleted or replaced.
struct File {
    path: PathBuf,
    named: Mutex<(Option<u64>, Instant)>,
}

impl File {
    fn at(path: PathBuf) -> Self {
        let named = Mutex::new((inode(&path), Instant::now()));
        Self { path, named }
    }

    /// Whether a connection that was opened so long ago leads to the file that the path names now.
    fn is_of(&self, age: Duration) -> bool {
        let now = inode(&self.path);
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that was missing is made by the first connection.
        if named.0.is_some() && named.0 != now {
            *named = (now, Instant::now());
        } else {
            named.0 = now;
        }
        age <= named.1.elapsed()
    }
}

/// None when the path names no file.
#[cfg(unix)]
fn inode(path: &std::path::Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(std::fs::metadata(path).ok()?.ino())
}

#[cfg(not(unix))]
fn inode(path: &std::path::Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|_| 0)
}

fn pool(options: SqliteConnectOptions, max_connections: u32, file: Arc<File>) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(None)
        .before_acquire(move |_, used| {
            let is_current = file.is_of(used.age);
            Box::pin(async move { Ok(is_current) })
        })
        // After a full disk or an error of the file SQLite has rolled back by itself, and the driver counts a transaction that
        // is not there: the next one would fail, and all after it.
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_lazy_with(options)
}

pub(super) async fn migrate(writer: &SqlitePool) -> Result<(), StoreError> {
    MIGRATOR.run(writer).await.map_err(|failure| match failure {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => error::store(cause),
        other => {
            let message = format!("the database's tables do not fit this version: {other}");
            StoreError::Configuration(Fault::caused_by(message, None, other))
        }
    })
}

pub(super) async fn distribute(_writer: &SqlitePool) -> Result<Vec<String>, StoreError> {
    Err(one_file())
}

pub(super) async fn undistribute(_writer: &SqlitePool) -> Result<Vec<String>, StoreError> {
    Err(one_file())
}

fn one_file() -> StoreError {
    StoreError::Configuration(
        "SQLite has all tables in one file: only PostgreSQL's can be distributed".into(),
    )
}

/// Takes the write lock and lets it go: the file can be written to, by us, now.
pub(super) async fn check(store: &SqliteStore) -> Result<(), StoreError> {
    let newest = MIGRATOR.iter().map(|migration| migration.version).max();
    let begun = store.writers.begin_with(dialect::BEGIN).await;
    let mut transaction = begun.map_err(error::store)?;
    let is_migrated: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM _sqlx_migrations WHERE version = ? AND success)")
            .bind(newest)
            .fetch_one(&mut *transaction)
            .await
            .map_err(error::store)?;
    transaction.rollback().await.map_err(error::store)?;
    if is_migrated {
        Ok(())
    } else {
        Err(StoreError::Unavailable(
            "its tables are older than this version needs".into(),
        ))
    }
}
