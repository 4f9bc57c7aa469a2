//! Connections and their settings, and the migrations.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    Connection, Executor, PgConnection, PgPool, Row,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    MIGRATOR, PostgresStore,
    distribution::{self, Layouts},
    error,
    sessions::Sessions,
};
use crate::{Fault, StoreError, layout::Layout};

/// How long to wait for a connection, a new one included: short, so that an outage is noticed soon.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// What a reading session is set to. The server gives up a client that is silent. Statements are planned with their values: a plan made for any status takes a
/// thousand times as long for a status that no saga has. Answers are short, so that starting helpers or a compiler for one
/// takes longer than they save, and takes the processors from ingest; and what is asked for is in memory more often than
/// not, so that looking into an index is as cheap as reading on.
const READER_SETTINGS: Settings = Settings {
    of_all: "SET statement_timeout = '15s'; SET plan_cache_mode = force_custom_plan; \
    SET max_parallel_workers_per_gather = 0; SET jit = off; SET random_page_cost = 1.1; \
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; \
    SET tcp_user_timeout = '60s'",
    of_distributed: "SET citus.propagate_set_commands = 'local'",
};

/// What a writing session is set to. Should its host vanish in the middle of a transaction, its locks do not stay. All it
/// reads it reads by key: a plan that was made while the tables were small must not read them whole when they are large.
/// What must read a small table whole all the same looks expensive then, and must not be compiled for it. The plans are the
/// same for all values, and made once.
///
/// Citus plans no statement that inserts the rows of a function without its values. Its workers plan each part by themselves, by
/// key. And it lets one writer at a time change rows on several workers, lest two wait for each other; here that is found by its
/// deadlock detection, and the batch is tried again.
const WRITER_SETTINGS: Settings = Settings {
    of_all: "SET statement_timeout = '20s'; SET idle_in_transaction_session_timeout = '20s'; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
    SET plan_cache_mode = force_generic_plan; SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; \
    SET tcp_keepalives_count = 3; SET tcp_user_timeout = '60s'",
    of_distributed: "SET plan_cache_mode = force_custom_plan; SET citus.enable_deadlock_prevention = off",
};

/// What a migrating session is set to: an index over many rows takes its time.
const MIGRATION_SETTINGS: Settings = Settings {
    of_all: "SET statement_timeout = 0",
    of_distributed: "",
};

/// A migration that waits for a table lets no other statement pass that comes after it. So it gives way, and tries again.
const LOCKS_IN_TIME: &str = "SET lock_timeout = '2s'";
const LOCKS_AT_LAST: &str = "SET lock_timeout = 0";

/// For how long the others go first.
const LOCK_PAUSE: Duration = Duration::from_secs(2);

/// What a session is set to.
#[derive(Debug, Clone, Copy)]
struct Settings {
    of_all: &'static str,
    /// In addition, where tables are distributed.
    of_distributed: &'static str,
}

pub(super) struct Pools {
    pub(super) writers: PgPool,
    pub(super) readers: PgPool,
    pub(super) layouts: Arc<Layouts>,
}

pub(super) fn pools(url: &str, max_connections: u32) -> Result<Pools, StoreError> {
    // The parser's own message may repeat parts of the URL, and with them the password.
    let mut options = PgConnectOptions::from_str(url).map_err(|_| {
        StoreError::Configuration(
            "the database's URL is malformed: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE".into(),
        )
    })?;
    if options.get_application_name().is_none() {
        options = options.application_name("saga-server");
    }
    let writers = (max_connections / 2).max(1);
    let readers = max_connections.saturating_sub(writers).max(1);
    let layouts = Arc::new(Layouts::default());
    Ok(Pools {
        writers: pool(options.clone(), writers, WRITER_SETTINGS, Arc::clone(&layouts)),
        readers: pool(options, readers, READER_SETTINGS, Arc::clone(&layouts)),
        layouts,
    })
}

/// How long an idle connection is believed to work.
const TRUSTED: Duration = Duration::from_secs(1);

/// How long a connection that comes back may take to show that it still works.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

fn pool(
    options: PgConnectOptions,
    max_connections: u32,
    settings: Settings,
    layouts: Arc<Layouts>,
) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            let layouts = Arc::clone(&layouts);
            Box::pin(async move {
                connection.execute(settings.of_all).await?;
                if layouts.note(connection).await? == Layout::Distributed {
                    connection.execute(settings.of_distributed).await?;
                }
                Ok(())
            })
        })
        // A connection that answered a moment ago still does.
        .test_before_acquire(false)
        .before_acquire(|connection, used| {
            Box::pin(async move {
                if used.idle_for < TRUSTED {
                    return Ok(true);
                }
                // Where it does not answer, the pool connects anew.
                Ok(connection.ping().await.is_ok())
            })
        })
        // Without a limit, one whose other end vanished would count as used until TCP gives it up.
        .after_release(|connection, _| {
            Box::pin(async move {
                let answer = tokio::time::timeout(RELEASE_TIMEOUT, is_idle(connection)).await;
                // An error closes the connection.
                answer.unwrap_or(Err(sqlx::Error::PoolTimedOut))
            })
        })
        .connect_lazy_with(options)
}

/// Whether the session is in no transaction. The driver does not count one whose BEGIN was not waited for, or ended with an
/// error: the next caller would read an old snapshot, or be refused everything, and what it writes would never be committed.
/// Only a statement by itself, sent as text, begins at the moment at which its transaction begins.
async fn is_idle(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let answer = sqlx::raw_sql("SELECT now() = statement_timestamp()");
    answer.fetch_one(connection).await?.try_get(0)
}

pub(super) async fn migrate(writers: &PgPool) -> Result<(), StoreError> {
    let (pool, layouts) = migrating(writers).await?;
    let migrated = match migrate_tables(&pool, &layouts).await {
        // Migrations leave new tables undistributed.
        Ok(()) if matches!(layouts.get(), Ok(Some(Layout::Distributed))) => distribution::finish(&pool).await,
        migrated => migrated,
    };
    pool.close().await;
    migrated
}

/// Connections that are no pool's of the store, since the layout may change.
async fn migrating(writers: &PgPool) -> Result<(PgPool, Arc<Layouts>), StoreError> {
    let connect = PgConnectOptions::clone(&writers.connect_options());
    Sessions::of(connect.clone()).check().await?;
    let layouts = Arc::new(Layouts::default());
    Ok((
        pool(connect, 1, MIGRATION_SETTINGS, Arc::clone(&layouts)),
        layouts,
    ))
}

async fn migrate_tables(pool: &PgPool, layouts: &Layouts) -> Result<(), StoreError> {
    check_encoding(pool).await?;
    layouts.refuse_worker()?;
    let migrated = loop {
        // The pool has one connection.
        pool.execute(LOCKS_IN_TIME).await.map_err(error::store)?;
        match MIGRATOR.run(pool).await {
            Err(MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _))
                if error::is_locked_out(&cause) =>
            {
                tracing::warn!(
                    "a table is locked by a long transaction, as of pg_dump (see pg_stat_activity), or another one migrates; retrying"
                );
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            ended => break ended,
        }
    };
    migrated.map_err(|failure| match failure {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => error::store(cause),
        other => {
            let message = format!("the database's tables do not fit this version: {other}");
            StoreError::Configuration(Fault::caused_by(message, None, other))
        }
    })?;
    pool.execute(LOCKS_AT_LAST).await.map(drop).map_err(error::store)
}

pub(super) async fn distribute(writers: &PgPool) -> Result<Vec<String>, StoreError> {
    let (pool, layouts) = migrating(writers).await?;
    let distributed = match migrate_tables(&pool, &layouts).await {
        Ok(()) => distribution::distribute(&pool).await,
        Err(refusal) => Err(refusal),
    };
    pool.close().await;
    distributed
}

pub(super) async fn undistribute(writers: &PgPool) -> Result<Vec<String>, StoreError> {
    let (pool, layouts) = migrating(writers).await?;
    let moved = distribution::undistribute(&pool, &layouts).await;
    pool.close().await;
    moved
}

/// Names, reasons and metadata are Unicode; what another encoding lacks would be refused event by event.
async fn check_encoding(pool: &PgPool) -> Result<(), StoreError> {
    let encoding: String = sqlx::query_scalar("SELECT current_setting('server_encoding')")
        .fetch_one(pool)
        .await
        .map_err(error::store)?;
    if encoding == "UTF8" {
        return Ok(());
    }
    let message =
        format!("the database's encoding is {encoding}: create it with ENCODING 'UTF8' TEMPLATE template0");
    Err(StoreError::Configuration(message.into()))
}

pub(super) async fn check(store: &PostgresStore) -> Result<(), StoreError> {
    store.sessions.check().await?;
    store.layout().await?;
    let newest = MIGRATOR.iter().map(|migration| migration.version).max();
    let (is_read_only, is_migrated): (bool, bool) = sqlx::query_as(
        r"SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean,
            EXISTS (SELECT 1 FROM _sqlx_migrations WHERE version = $1 AND success)",
    )
    .bind(newest)
    .fetch_one(&store.readers)
    .await
    .map_err(error::store)?;
    if is_read_only {
        return Err(StoreError::Unavailable("it is read-only".into()));
    }
    if !is_migrated {
        return Err(StoreError::Unavailable(
            "its tables are older than this version needs".into(),
        ));
    }
    Ok(())
}
