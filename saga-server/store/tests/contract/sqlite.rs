//! The store on SQLite, and what only SQLite can do to it.

use std::path::PathBuf;

use crate::suite::{Database, contract_tests, events::created, operations};
use saga_store::{AppendError, ArchivePlan};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

contract_tests!(Sqlite);

/// A file of its own.
pub(crate) struct Sqlite {
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

/// In PostgreSQL the column's type says that its entries are texts.
#[tokio::test]
async fn a_plan_of_the_archive_that_cannot_be_read_is_named() {
    let database = Sqlite::new().await;
    let store = database.store().await;
    let plan = ArchivePlan {
        batch: "batch-1".to_owned(),
        attempt: "attempt-1".to_owned(),
        saga_ids: vec!["saga-1".to_owned()],
    };
    assert!(store.plan_archive(&plan).await.unwrap());
    database.execute("UPDATE archive_plan SET saga_ids = '{}'").await;
    let failure = store.archive_plan().await.unwrap_err().to_string();
    let expected = "stored data cannot be read: archive_plan.saga_ids of row batch-1: ";
    assert!(failure.starts_with(expected), "{failure}");
}

#[tokio::test]
async fn an_event_is_refused_with_any_code_only_while_others_pass() {
    let database = Sqlite::new().await;
    let store = database.store().await;
    for condition in ["WHEN NEW.saga_id = 'bad'", ""] {
        let refuse = format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON saga_steps {condition} BEGIN SELECT RAISE(ABORT, 'no'); END"
        );
        database.execute(&refuse).await;
        let failure = store
            .append(vec![created("bad", "1", 0)].into())
            .await
            .unwrap_err();
        let is_refusal = matches!(failure, AppendError::Refused(_));
        assert_eq!(is_refusal, !condition.is_empty(), "{failure}");
        database.execute("DROP TRIGGER refuse").await;
    }
}

#[tokio::test]
async fn a_row_that_the_database_leaves_out_is_refused() {
    let database = Sqlite::new().await;
    let store = database.store().await;
    for table in ["saga_steps", "saga_instance"] {
        let leave_out = format!(
            "CREATE TRIGGER leave_out BEFORE INSERT ON {table} WHEN NEW.saga_id = 'bad' BEGIN SELECT RAISE(IGNORE); END"
        );
        database.execute(&leave_out).await;
        let batch = vec![created("bad", "1", 0), created("saga-1", "1", 0)];
        let refusal = store.append(batch.into()).await.unwrap_err();
        let is_refusal = matches!(refusal, AppendError::Refused(_) | AppendError::Failed(_));
        assert!(is_refusal, "{table}: {refusal}");
        database.execute("DROP TRIGGER leave_out").await;
    }
    assert_eq!(store.saga("saga-1").await.unwrap(), None);
}

/// As SQLite does by itself when the disk is full.
#[tokio::test]
async fn after_an_automatic_rollback_the_next_batch_is_stored() {
    let database = Sqlite::new().await;
    let store = database.store().await;
    let full = "CREATE TRIGGER full BEFORE INSERT ON saga_steps BEGIN SELECT RAISE(ROLLBACK, 'full'); END";
    for round in 0..3 {
        database.execute(full).await;
        let batch = vec![created("saga-1", &round.to_string(), 0)];
        store.append(batch.clone().into()).await.unwrap_err();
        store.check().await.unwrap();
        database.execute("DROP TRIGGER full").await;
        assert_eq!(store.append(batch.into()).await.unwrap().stored(), 1);
    }
}

#[tokio::test]
async fn a_file_that_was_deleted_or_replaced_is_noticed() {
    let database = Sqlite::new().await;
    let store = database.store().await;
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
    store.check().await.unwrap();
    let (file, aside) = (database.folder.join("sagas.db"), database.folder.join("aside"));
    std::fs::create_dir(&aside).unwrap();
    let moved = |from: &std::path::Path, to: &std::path::Path| {
        for name in ["sagas.db", "sagas.db-wal", "sagas.db-shm"] {
            let _ = std::fs::rename(from.join(name), to.join(name));
        }
    };
    moved(&database.folder, &aside);
    store.check().await.unwrap_err();
    let failure = store
        .append(vec![created("saga-1", "2", 0)].into())
        .await
        .unwrap_err();
    assert!(matches!(failure, AppendError::Unavailable(_)), "{failure}");
    let _ = std::fs::remove_file(file);
    moved(&aside, &database.folder);
    store.check().await.unwrap();
    assert!(store.saga("saga-1").await.unwrap().is_some());
    assert_eq!(
        store
            .append(vec![created("saga-1", "2", 0)].into())
            .await
            .unwrap()
            .stored(),
        1
    );
}

#[tokio::test]
async fn an_operation_cannot_be_changed() {
    let database = Sqlite::new().await;
    let store = database.store().await;
    operations::write(&*store, vec![operations::operation(1)]).await;
    let mut connection = SqliteConnection::connect(&database.url()).await.unwrap();
    let refused = connection.execute(operations::FORGERY).await.unwrap_err();
    assert!(
        refused.to_string().contains("an operation cannot be changed"),
        "{refused}"
    );
}
