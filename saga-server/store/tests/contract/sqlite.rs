//! The store on SQLite, and what only SQLite can do to it.

use std::path::PathBuf;

use crate::suite::{Database, contract_tests};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

contract_tests!(Sqlite);

/// A file of its own.
struct Sqlite {
    folder: PathBuf,
}

impl Database for Sqlite {
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("saga-store-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.folder.join("sagas.db").display())
    }

    async fn execute(&self, sql: &str) {
        let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn a_migration_counts_the_sagas_that_are_there() {
    let undo = "DROP VIEW saga_counted; DROP TABLE saga_rollup; DROP TABLE saga_duration; \
                DELETE FROM _sqlx_migrations WHERE version IN (8, 14); ALTER TABLE saga_instance DROP COLUMN ended_by_override";
    crate::suite::statistics::sagas_of_before_are_counted(&Sqlite::new().await, undo).await;
}
