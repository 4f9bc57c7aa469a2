//! What other libraries than sqlx insert is published, and what they roll back is not.

use diesel::{Connection as _, SqliteConnection, connection::SimpleConnection as _};
use outbox_writers::{by_diesel, by_sea_orm};
use saga_sdk::{Saga, SagaType, outbox, steps};
use saga_sdk_testkit::{Recorder, expect};
use sqlx::SqlitePool;
use tempfile::TempDir;

/// A database file, with the tables of the service and of the outbox.
async fn database() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("orders.db").display().to_string();
    let mut connection = SqliteConnection::establish(&file).unwrap();
    // As a project does that keeps all migrations in one place.
    connection
        .batch_execute("CREATE TABLE orders (id TEXT PRIMARY KEY)")
        .unwrap();
    for migration in outbox::SQLITE_MIGRATIONS {
        connection.batch_execute(migration).unwrap();
    }
    (folder, file)
}

fn saga(recorder: &Recorder, id: &str) -> Saga {
    recorder.client().order("order-1").saga(SagaType::ORDER_CREATION, id)
}

/// The relay's side, which speaks sqlx.
async fn assert_published(recorder: &Recorder, file: &str) {
    let pool = SqlitePool::connect(&format!("sqlite://{file}")).await.unwrap();
    // The tables are as they should be: nothing is left to be done.
    outbox::migrate(&pool).await.unwrap();
    recorder.drain(&pool).await;
    recorder
        .assert_saga("kept")
        .recorded(
            expect::started(steps::ORDER_CREATED)
                .with("itemCount", 2)
                .by("order-service"),
        )
        .nothing_else();
    assert_eq!(recorder.events().len(), 1);
}

#[tokio::test]
async fn what_diesel_inserts_is_published() {
    let (_folder, file) = database().await;
    let recorder = Recorder::new("test");
    let mut connection = SqliteConnection::establish(&file).unwrap();
    by_diesel::place_order(&mut connection, &saga(&recorder, "kept"), "order-1").unwrap();
    let twice = by_diesel::place_order(&mut connection, &saga(&recorder, "rolled-back"), "order-1");
    assert!(twice.is_err());
    assert_published(&recorder, &file).await;
}

#[tokio::test]
async fn what_sea_orm_inserts_is_published() {
    let (_folder, file) = database().await;
    let recorder = Recorder::new("test");
    let database = sea_orm::Database::connect(format!("sqlite://{file}"))
        .await
        .unwrap();
    by_sea_orm::place_order(&database, &saga(&recorder, "kept"), "order-1")
        .await
        .unwrap();
    let twice = by_sea_orm::place_order(&database, &saga(&recorder, "rolled-back"), "order-1").await;
    assert!(twice.is_err());
    assert_published(&recorder, &file).await;
}
