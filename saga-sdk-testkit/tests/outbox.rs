//! A service with an outbox, in a unit test.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use saga_sdk::{
    Saga, SagaType,
    outbox::{self, Outbox, OutboxError},
    steps,
};
use saga_sdk_testkit::{Recorder, expect};
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};

/// Of its connections there is one, which holds the database.
async fn pool() -> SqlitePool {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None);
    let pool = pool.connect("sqlite::memory:").await.unwrap();
    outbox::migrate(&pool).await.unwrap();
    let stock = "CREATE TABLE stock (sku TEXT PRIMARY KEY, free INTEGER CHECK (free >= 0)); \
                 INSERT INTO stock VALUES ('A-1', 1)";
    sqlx::raw_sql(stock).execute(&pool).await.unwrap();
    pool
}

/// The code under test.
async fn reserve(pool: SqlitePool, saga: Saga) -> Result<bool, OutboxError> {
    let mut transaction = pool.begin().await?;
    let step = saga
        .run(steps::STOCK_RESERVATION)
        .completed_as(steps::STOCK_RESERVED)
        .failed_as(steps::STOCK_RESERVATION_FAILED);
    let reserved = Outbox::new("product-service")
        .run(&mut *transaction, step, async |transaction| {
            let take = sqlx::query("UPDATE stock SET free = free - 1 WHERE sku = 'A-1'");
            take.execute(transaction).await
        })
        .await?;
    transaction.commit().await?;
    Ok(reserved.is_ok())
}

#[tokio::test]
async fn what_committed_transactions_left_is_asserted_as_if_recorded() {
    let (pool, recorder) = (pool().await, Recorder::new("test"));
    for (id, is_reserved) in [("saga-1", true), ("saga-2", false)] {
        let saga = recorder
            .client()
            .order("order-1")
            .saga(SagaType::ORDER_CREATION, id);
        let reserving = tokio::spawn(reserve(pool.clone(), saga));
        assert_eq!(reserving.await.unwrap().unwrap(), is_reserved);
    }
    recorder.assert_nothing();

    recorder.drain(&pool).await;
    recorder
        .assert_saga("saga-1")
        .recorded(expect::in_progress(steps::STOCK_RESERVATION))
        .then(expect::completed(steps::STOCK_RESERVED).by("product-service"))
        .nothing_else();
    recorder
        .assert_saga("saga-2")
        .recorded(expect::in_progress(steps::STOCK_RESERVATION))
        .then(expect::failed(steps::STOCK_RESERVATION_FAILED))
        .nothing_else();
    recorder.drain(&pool).await;
    assert_eq!(recorder.events().len(), 4);
}

#[tokio::test]
#[should_panic(expected = "dead letters in the outbox")]
async fn an_event_that_cannot_be_read_is_no_silent_gap() {
    let (pool, recorder) = (pool().await, Recorder::new("test"));
    sqlx::query("INSERT INTO saga_outbox (saga_id, event) VALUES ('saga-1', x'00')")
        .execute(&pool)
        .await
        .unwrap();
    recorder.drain(&pool).await;
}
