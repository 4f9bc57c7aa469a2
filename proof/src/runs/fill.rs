//! Fills an empty database with very many sagas, for measuring how reading behaves when there are.
//!
//! The rows are made by PostgreSQL itself, without indexes; those are made at the end, which is many times faster.

use std::{
    future::Future,
    ops::RangeInclusive,
    sync::atomic::{AtomicI32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use saga_types::Timestamp;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, PgPool, postgres::PgPoolOptions};

use crate::{
    many_sagas::{self, ManySagas},
    progress::Progress,
    report::{Report, Table},
};

/// How many connections work at the same time.
const WORKERS: u32 = 2;

/// How many sagas are made with one statement.
const AT_ONCE: i32 = 20_000;

const TABLES: &str = "('saga_steps'::regclass, 'saga_instance'::regclass)";

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The database: its tables must be there (saga-server migrate) and be empty
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// How many sagas, of five steps each, over the last thirty days
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(i32).range(1..))]
    sagas: i32,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let mut report = Report::new("fill");
    let pool = PgPoolOptions::new().max_connections(WORKERS + 1);
    let pool = pool
        .connect(&args.database_url)
        .await
        .context("PostgreSQL does not answer")?;
    let filled = fill(&pool, args.sagas, progress).await?;
    let mut table = Table::of_figures("Filled");
    table.figure("sagas", filled.sagas);
    table.figure("steps", filled.steps);
    table.figure("tables and indexes, MiB", filled.bytes >> 20);
    table.figure("seconds", filled.took.as_secs_f64());
    report.table(table);
    Ok(report)
}

/// What there is afterwards.
pub(crate) struct Filled {
    pub(crate) sagas: i64,
    pub(crate) steps: i64,
    pub(crate) bytes: i64,
    took: Duration,
}

/// Makes so many sagas, the last of which start now.
pub(crate) async fn fill(pool: &PgPool, sagas: i32, progress: &Progress) -> Result<Filled> {
    let begun = Instant::now();
    let begin = Timestamp::from_millis(Timestamp::now().as_millis() - many_sagas::DAYS * 86_400_000)?;
    let many = ManySagas { sagas, begin };
    let mut connection = pool.acquire().await?;
    ensure_empty(&mut connection).await?;
    let indexes = Indexes::drop_all(&mut connection).await?;
    ManySagas::begin(&mut connection)
        .await
        .map_err(|error| anyhow!(error))?;
    in_parts(sagas, "steps", progress, async |some| {
        let added = many.add_steps(&mut *pool.acquire().await?, some).await;
        added.map_err(|error| anyhow!(error))
    })
    .await?;
    in_parts(sagas, "sagas", progress, async |some| {
        let added = many.add_sagas(&mut *pool.acquire().await?, some).await;
        added.map_err(|error| anyhow!(error))
    })
    .await?;
    progress.show("making the indexes");
    indexes.make(pool, progress).await?;
    progress.show("counting for the statistics");
    ManySagas::end(&mut connection)
        .await
        .map_err(|error| anyhow!(error))?;
    connection
        .execute("VACUUM ANALYZE saga_steps")
        .await
        .context("VACUUM")?;
    connection.execute("VACUUM ANALYZE saga_instance").await?;
    connection.execute("VACUUM ANALYZE saga_rollup").await?;
    // Not everybody may; then it comes by itself, some time later.
    drop(connection.execute("CHECKPOINT").await);
    let (sagas, steps, bytes) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM saga_instance), (SELECT count(*) FROM saga_steps), \
         (pg_total_relation_size('saga_instance') + pg_total_relation_size('saga_steps'))::bigint",
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(Filled {
        sagas,
        steps,
        bytes,
        took: begun.elapsed(),
    })
}

async fn ensure_empty(connection: &mut PgConnection) -> Result<()> {
    let is_used: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM saga_steps) OR EXISTS (SELECT FROM saga_instance) OR EXISTS (SELECT FROM saga_rollup)",
    )
    .fetch_one(connection)
    .await
    .context("the tables are not there; `saga-server migrate` makes them")?;
    ensure!(!is_used, "the database holds sagas already: name an empty one");
    Ok(())
}

/// Does something with all sagas, some at a time, in several connections at once.
async fn in_parts<F>(
    sagas: i32,
    what: &str,
    progress: &Progress,
    work: impl Fn(RangeInclusive<i32>) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let next = AtomicI32::new(1);
    let worker = async || {
        loop {
            let first = next.fetch_add(AT_ONCE, Ordering::Relaxed);
            if first > sagas {
                return Ok::<(), anyhow::Error>(());
            }
            let last = sagas.min(first.saturating_add(AT_ONCE - 1));
            work(first..=last).await?;
            progress.update(format!("{what} of {last} of {sagas} sagas made"));
        }
    };
    tokio::try_join!(worker(), worker())?;
    Ok(())
}

/// The indexes of both tables.
struct Indexes(Vec<Index>);

#[derive(Clone, sqlx::FromRow)]
struct Index {
    table_name: String,
    index_name: String,
    definition: String,
    is_primary: bool,
}

impl Indexes {
    async fn drop_all(connection: &mut PgConnection) -> Result<Self> {
        let known = format!(
            "SELECT indrelid::regclass::text AS table_name, relname AS index_name, \
             pg_get_indexdef(indexrelid) AS definition, indisprimary AS is_primary \
             FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid IN {TABLES}"
        );
        let indexes: Vec<Index> = sqlx::query_as(AssertSqlSafe(known))
            .fetch_all(&mut *connection)
            .await?;
        for index in &indexes {
            let Index {
                table_name,
                index_name,
                ..
            } = index;
            let statement = if index.is_primary {
                format!("ALTER TABLE {table_name} DROP CONSTRAINT {index_name}")
            } else {
                format!("DROP INDEX {index_name}")
            };
            connection.execute(AssertSqlSafe(statement)).await?;
        }
        Ok(Self(indexes))
    }

    async fn make(self, pool: &PgPool, progress: &Progress) -> Result<()> {
        let all = self.0.len();
        let queue = std::sync::Mutex::new(self.0.clone());
        let worker = async || {
            let mut connection = pool.acquire().await?;
            connection.execute("SET maintenance_work_mem = '512MB'").await?;
            loop {
                let (index, left) = {
                    let mut queue = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    let Some(index) = queue.pop() else {
                        return Ok::<(), anyhow::Error>(());
                    };
                    (index, queue.len())
                };
                progress.update(format!(
                    "making index {} of {all}: {}",
                    all - left,
                    index.index_name
                ));
                connection.execute(AssertSqlSafe(index.definition)).await?;
            }
        };
        tokio::try_join!(worker(), worker())?;
        for Index {
            table_name,
            index_name,
            ..
        } in self.0.iter().filter(|index| index.is_primary)
        {
            let key = format!(
                "ALTER TABLE {table_name} ADD CONSTRAINT {index_name} PRIMARY KEY USING INDEX {index_name}"
            );
            pool.execute(AssertSqlSafe(key)).await?;
        }
        Ok(())
    }
}
