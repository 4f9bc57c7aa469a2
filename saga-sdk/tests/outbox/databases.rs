//! A database for each test.

use std::env;

use sqlx::{
    Connection as _, PgConnection, PgPool, SqlitePool, postgres::PgPoolOptions, sqlite::SqlitePoolOptions,
};
use uuid::Uuid;

/// A schema of its own in the PostgreSQL that `DATABASE_URL` names.
pub(crate) async fn postgres() -> PgPool {
    let url = env::var("DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "these tests need PostgreSQL: run scripts/parts run kafka postgres debezium -- cargo test -p saga-sdk --features outbox"
        )
    });
    let schema = format!("saga_sdk_test_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .execute(&mut connection)
        .await
        .unwrap();
    let use_schema = format!("SET search_path TO {schema}");
    let options = PgPoolOptions::new()
        .max_connections(12)
        .after_connect(move |connection, _| {
            let use_schema = use_schema.clone();
            Box::pin(async move {
                sqlx::raw_sql(sqlx::AssertSqlSafe(use_schema))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
    options.connect(&url).await.unwrap()
}

/// A file of its own.
pub(crate) async fn sqlite() -> SqlitePool {
    let file = env::temp_dir().join(format!("saga-sdk-test-{}.db", Uuid::now_v7()));
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let options = SqlitePoolOptions::new()
        .max_connections(12)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 20000")
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
    options.connect(&url).await.unwrap()
}
