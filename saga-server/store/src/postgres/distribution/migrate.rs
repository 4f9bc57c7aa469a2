//! Tables are distributed and moved back, one after the other, each by a statement that commits by itself.

use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Row as _};

use super::{Layouts, TABLES, has_citus, methods};
use crate::{StoreError, postgres::error};

/// The oldest version that the statements of this adapter were tried with.
const OLDEST: u32 = 13;

/// As "Citus 13.2.2 on x86_64-pc-linux-gnu, …".
const VERSION: &str = "SELECT citus_version()";

/// Nodes that may have a part of a table.
const NODES: &str =
    "SELECT count(*) FROM pg_dist_node WHERE isactive AND shouldhaveshards AND noderole = 'primary'";

const COLLECTORS: &str = "SELECT count(*) FROM collector WHERE expires_at > clock_timestamp()";

/// One run at a time; the next one finds what is left. It is held until the connection is closed.
const LOCK: &str =
    "SELECT pg_advisory_lock(hashtext('saga_distribution'), 'saga_instance'::regclass::oid::integer)";

/// Where the tables are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Workers,
    Coordinator,
}

/// Distributes what is not; the names of the tables that were.
pub(in crate::postgres) async fn distribute(pool: &PgPool) -> Result<Vec<String>, StoreError> {
    let mut connection = pool.acquire().await.map_err(error::store)?;
    check_citus(&mut connection).await?;
    let nodes: i64 = scalar(&mut connection, NODES).await?;
    if nodes == 0 {
        return refused(
            "Citus knows no node that may have parts of tables: add each worker with SELECT citus_add_node('HOST', 5432) first",
        );
    }
    run_locked(&mut connection, Target::Workers).await
}

/// Moves back what is distributed; the names of the tables that were.
pub(in crate::postgres) async fn undistribute(
    pool: &PgPool,
    layouts: &Layouts,
) -> Result<Vec<String>, StoreError> {
    let mut connection = pool.acquire().await.map_err(error::store)?;
    layouts.refuse_worker()?;
    check_citus(&mut connection).await?;
    run_locked(&mut connection, Target::Coordinator).await
}

/// Distributes tables that a migration has added to a database whose tables all were.
pub(in crate::postgres) async fn finish(pool: &PgPool) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await.map_err(error::store)?;
    connection.execute(LOCK).await.map_err(error::store)?;
    move_all(&mut connection, Target::Workers).await.map(drop)
}

async fn check_citus(connection: &mut PgConnection) -> Result<(), StoreError> {
    let needs = format!(
        "distributing tables needs the extension Citus {OLDEST} or later: install it on this server and on each worker, add citus to \
         shared_preload_libraries, restart them, and run CREATE EXTENSION citus in this database and in one of the same name on \
         each worker; docs/operations.md has the steps"
    );
    if !has_citus(connection).await.map_err(error::store)? {
        return refused(needs);
    }
    let version: String = scalar(connection, VERSION).await?;
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let major: Option<u32> = number.split('.').next().and_then(|major| major.parse().ok());
    if major.is_some_and(|major| major >= OLDEST) {
        return Ok(());
    }
    refused(format!("the database has Citus {number}: {needs}"))
}

async fn run_locked(connection: &mut PgConnection, target: Target) -> Result<Vec<String>, StoreError> {
    connection.execute(LOCK).await.map_err(error::store)?;
    move_unless_used(connection, target).await
}

/// Statements that a collector has prepared have another form afterwards.
async fn move_unless_used(connection: &mut PgConnection, target: Target) -> Result<Vec<String>, StoreError> {
    let to_move = methods(connection).await.map_err(error::store)?;
    let is_done = |(_, method): &(String, Option<String>)| method.is_some() == (target == Target::Workers);
    let collectors: i64 = scalar(connection, COLLECTORS).await?;
    if collectors > 0 && !to_move.iter().all(is_done) {
        return refused(format!(
            "{collectors} collectors run on the database: stop them first (one that was killed counts for half a minute)"
        ));
    }
    move_all(connection, target).await
}

async fn move_all(connection: &mut PgConnection, target: Target) -> Result<Vec<String>, StoreError> {
    let mut moved = Vec::new();
    for (name, method) in methods(connection).await.map_err(error::store)? {
        if method.is_some() == (target == Target::Workers) {
            continue;
        }
        tracing::info!(table = name, "moving table");
        let statement = AssertSqlSafe(statement(&name, target));
        connection.execute(statement).await.map_err(error::store)?;
        moved.push(name);
    }
    if target == Target::Workers {
        truncate(connection).await?;
    }
    Ok(moved)
}

/// Names come from the list.
fn statement(name: &str, target: Target) -> String {
    let first = &TABLES.distributed[0];
    match target {
        Target::Coordinator => format!("SELECT undistribute_table('{name}')"),
        Target::Workers if TABLES.reference.iter().any(|listed| listed == name) => {
            format!("SELECT create_reference_table('{name}')")
        }
        Target::Workers if name == first => {
            format!("SELECT create_distributed_table('{name}', 'saga_id', colocate_with => 'none')")
        }
        Target::Workers => {
            format!("SELECT create_distributed_table('{name}', 'saga_id', colocate_with => '{first}')")
        }
    }
}

/// The rows that were copied to the workers are still on the coordinator's disk, where nothing reads them.
async fn truncate(connection: &mut PgConnection) -> Result<(), StoreError> {
    for name in TABLES.moved() {
        let size = format!("SELECT pg_relation_size('{name}')");
        let bytes = sqlx::raw_sql(AssertSqlSafe(size))
            .fetch_one(&mut *connection)
            .await;
        let bytes: i64 = bytes.and_then(|row| row.try_get(0)).map_err(error::store)?;
        if bytes > 0 {
            let truncate = format!("SELECT truncate_local_data_after_distributing_table('{name}')");
            connection
                .execute(AssertSqlSafe(truncate))
                .await
                .map_err(error::store)?;
        }
    }
    Ok(())
}

async fn scalar<T>(connection: &mut PgConnection, sql: &'static str) -> Result<T, StoreError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let row = sqlx::raw_sql(sql)
        .fetch_one(connection)
        .await
        .map_err(error::store)?;
    row.try_get(0).map_err(error::store)
}

fn refused<T>(message: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError::Configuration(message.into().into()))
}
