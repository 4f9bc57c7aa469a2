//! With an outbox, rows wait for the registry as they wait for Kafka.

use std::time::Duration;

use saga_sdk::{
    SagaType,
    outbox::{self, Outbox, OutboxPool as _, Relay, RelayOptions},
    steps,
};
use sqlx::SqlitePool;

use crate::{
    harness::Harness,
    stub::{Behavior, UNKNOWN},
};

#[tokio::test(flavor = "multi_thread")]
async fn rows_wait_for_the_registry_and_are_then_published() {
    let mut harness = Harness::new(UNKNOWN);
    // So that the relay gives a batch up and tries again.
    harness.config.delivery_timeout = Duration::from_millis(300);
    let file = std::env::temp_dir().join(format!("saga-sdk-test-{}.db", uuid::Uuid::now_v7()));
    let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", file.display()))
        .await
        .unwrap();
    outbox::migrate(&pool).await.unwrap();
    let tracker = harness.connect();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-0");
    let mut transaction = pool.begin().await.unwrap();
    for number in 0..20 {
        let step = saga.progress(steps::STOCK_RESERVATION).with("number", number);
        Outbox::new("order-service")
            .record(&mut *transaction, step)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();

    let mut options = RelayOptions::default();
    options.longest_back_off = Duration::from_millis(300);
    let relay = Relay::connect(pool.clone(), &harness.config)
        .unwrap()
        .options(options);
    let published = async {
        while harness.registry.requests().len() < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(pool.backlog().await.unwrap().pending, 20, "nothing is lost");
        harness.registry.set_behavior(Behavior::Know(7));
        while pool.backlog().await.unwrap().pending > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    relay.run(published).await;
    let (sagas, ids) = harness.read(20);
    assert_eq!(sagas["saga-0"], (0..20).collect::<Vec<_>>());
    assert_eq!(ids, [7; 20]);
}
