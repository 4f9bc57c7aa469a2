//! What tests of the outbox share.

use std::{sync::Arc, time::Duration};

use saga_sdk::{
    Saga, SagaEvent, SagaTrackerClient, SagaType,
    outbox::{self, Outbox, OutboxConnection, OutboxPool, Relay, RelayOptions},
    steps,
};
use sqlx::{Database, Pool};

use crate::topic::Topic;

macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::databases::postgres().await).await;
            })+
        }
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::databases::sqlite().await).await;
            })+
        }
    };
}

pub(crate) fn options() -> RelayOptions {
    let mut options = RelayOptions::default();
    options.batch = 20;
    options.poll_interval = Duration::from_millis(10);
    options.first_back_off = Duration::from_millis(10);
    options.lease = Duration::from_millis(500);
    options
}

pub(crate) fn saga(topic: &Topic, id: &str) -> Saga {
    let client: Arc<dyn SagaTrackerClient> = Arc::new(topic.clone());
    client.order("order-1").saga(SagaType::ORDER_CREATION, id)
}

/// Runs a relay until nothing is left.
pub(crate) async fn drain<P: OutboxPool>(relay: &Relay<P>) {
    relay.run(empty(relay)).await;
}

pub(crate) async fn empty<P: OutboxPool>(relay: &Relay<P>) {
    while relay.backlog().await.unwrap().pending > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn record_all<D>(pool: &Pool<D>, topic: &Topic, sagas: u32, events: u32)
where
    D: Database,
    D::Connection: OutboxConnection,
{
    let outbox = Outbox::new("order-service");
    for number in 0..events {
        let mut transaction = pool.begin().await.unwrap();
        for id in 0..sagas {
            let saga = saga(topic, &format!("saga-{id}"));
            let step = saga.progress(steps::STOCK_RESERVATION).with("number", number);
            outbox.record(&mut *transaction, step).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
}

/// Creates the tables of an outbox, and the topic that it is published to.
pub(crate) async fn with_tables<P: OutboxPool>(pool: &P) -> Topic {
    outbox::migrate(pool).await.unwrap();
    Topic::default()
}

/// Every event came, and the first delivery of each is in the order of its saga.
pub(crate) fn assert_complete_and_in_order(topic: &Topic, sagas: u32, events: u32) {
    assert_in_order(&topic.first_deliveries(), sagas, events);
}

/// These are all events of each saga, in its order.
pub(crate) fn assert_in_order(published: &[SagaEvent], sagas: u32, events: u32) {
    let number = |event: &SagaEvent| {
        event.metadata.as_ref().unwrap().to_object()["number"]
            .as_u64()
            .unwrap()
    };
    for id in 0..sagas {
        let saga_id = format!("saga-{id}");
        let of_saga = published.iter().filter(|event| event.saga_id == *saga_id);
        let numbers: Vec<_> = of_saga.map(number).collect();
        assert_eq!(numbers, (0..u64::from(events)).collect::<Vec<_>>(), "{saga_id}");
    }
}
