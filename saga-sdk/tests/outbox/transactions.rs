//! What is written in the transaction of the caller.

use std::sync::Arc;

use saga_sdk::{
    NoOpClient, SagaTrackerClient, SagaType,
    outbox::{self, Outbox, OutboxConnection, OutboxError, OutboxPool, Relay},
    steps,
};
use sqlx::{Database, Pool};

use crate::{
    harness::{drain, options, record_all, saga},
    topic::Topic,
};

on_both_databases! {
    a_disabled_tracker_writes_and_publishes_nothing,
    only_a_transaction_is_taken,
    a_step_run_within_a_transaction_is_in_the_outbox_exactly_when_its_changes_are,
}

async fn only_a_transaction_is_taken<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let saga = saga(&Topic::default(), "saga-1");
    let mut connection = pool.acquire().await.unwrap();
    let outbox = Outbox::new("order-service");
    let step = saga.start(steps::ORDER_CREATED);
    let refused = outbox.record(&mut *connection, step).await.unwrap_err();
    assert!(matches!(refused, outbox::OutboxError::NoTransaction), "{refused}");
    assert_eq!(pool.backlog().await.unwrap().pending, 0);
}

async fn a_disabled_tracker_writes_and_publishes_nothing<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let off: Arc<dyn SagaTrackerClient> = Arc::new(NoOpClient);
    let saga = off.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    let mut transaction = pool.begin().await.unwrap();
    Outbox::new("order-service")
        .record(&mut *transaction, saga.start("bad step"))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(pool.backlog().await.unwrap().pending, 0);

    record_all(&pool, &Topic::default(), 1, 1).await;
    Relay::new(pool.clone(), off).run(async {}).await;
    assert_eq!(pool.backlog().await.unwrap().pending, 1);
}

async fn rows<D>(pool: &Pool<D>, query: &'static str) -> usize
where
    D: Database,
    for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
{
    let mut connection = pool.acquire().await.unwrap();
    let rows = sqlx::Executor::fetch_all(&mut *connection, query).await;
    rows.unwrap().len()
}

async fn a_step_run_within_a_transaction_is_in_the_outbox_exactly_when_its_changes_are<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection + sqlx::Connection<Database = D>,
    for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    sqlx::Executor::execute(&mut *connection, "CREATE TABLE work (amount BIGINT PRIMARY KEY)")
        .await
        .unwrap();
    drop(connection);
    let (topic, outbox) = (Topic::default(), Outbox::new("order-service"));
    // (saga, statement, whether the transaction is committed)
    let cases = [
        ("done", "INSERT INTO work VALUES (1)", true),
        ("undone", "INSERT INTO work VALUES (2)", false),
        // What was inserted before the failure goes, and the transaction is usable.
        ("failed", "INSERT INTO work VALUES (3), (1)", true),
        ("failed-and-undone", "INSERT INTO work VALUES (1)", false),
    ];
    for (id, statement, commits) in cases {
        let saga = saga(&topic, id);
        let mut transaction = pool.begin().await.unwrap();
        let step = saga
            .run(steps::STOCK_RESERVATION)
            .completed_as(steps::STOCK_RESERVED)
            .failed_as(steps::STOCK_RESERVATION_FAILED);
        let result = outbox
            .run(&mut *transaction, step, async |connection| {
                sqlx::Executor::execute(&mut *connection, statement).await
            })
            .await
            .unwrap();
        assert_eq!(result.is_err(), id.starts_with("failed"), "{id}");
        if commits {
            transaction.commit().await.unwrap();
        }
    }
    assert_eq!(rows(&pool, "SELECT * FROM work").await, 1);
    assert_eq!(rows(&pool, "SELECT * FROM work WHERE amount = 1").await, 1);
    drain(&Relay::new(pool.clone(), Arc::new(topic.clone())).options(options())).await;
    let published = topic.first_deliveries();
    let seen: Vec<_> = published
        .iter()
        .map(|event| (event.saga_id.as_str(), event.step.as_str()))
        .collect();
    let expected = [
        ("done", "STOCK_RESERVATION"),
        ("done", "STOCK_RESERVED"),
        ("failed", "STOCK_RESERVATION"),
        ("failed", "STOCK_RESERVATION_FAILED"),
    ];
    assert_eq!(seen, expected);
    let metadata = published[3].metadata.as_ref().unwrap().to_object();
    assert!(metadata["durationMs"].is_u64());
    assert!(!metadata["failureReason"].as_str().unwrap().is_empty());

    // A step that does not run in a transaction is not run, also with a disabled tracker.
    let disabled: Arc<dyn SagaTrackerClient> = Arc::new(NoOpClient);
    for client in [disabled, Arc::new(topic.clone())] {
        let saga = client.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
        let mut connection = pool.acquire().await.unwrap();
        let step =
            async |_: &mut D::Connection| -> Result<(), String> { panic!("run without a transaction") };
        let refused = outbox
            .run(&mut *connection, saga.run(steps::STOCK_RESERVATION), step)
            .await;
        assert!(matches!(refused, Err(OutboxError::NoTransaction)));
    }
}
