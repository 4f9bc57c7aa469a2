//! Events that the broker refuses, temporarily or permanently, and those behind them.

use std::{sync::Arc, time::Duration};

use saga_sdk::{
    outbox::{Outbox, OutboxConnection, OutboxPool, Relay},
    steps,
};
use sqlx::{Database, Pool};

use crate::harness::{
    assert_complete_and_in_order, assert_in_order, drain, empty, options, record_all, saga, with_tables,
};

on_both_databases! {
    what_comes_behind_a_failed_event_comes_again_after_it,
    more_refused_events_than_a_batch_holds_do_not_hold_up_other_sagas,
    an_event_that_can_never_be_published_is_set_aside_and_put_back,
    events_behind_a_refused_one_are_not_sent_with_every_retry,
}

async fn what_comes_behind_a_failed_event_comes_again_after_it<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
    record_all(&pool, &topic, 3, 20).await;
    topic.fail_every(7);
    let relay = Relay::new(pool, Arc::new(topic.clone())).options(options());
    drain(&relay).await;
    // An event behind a failed one may have come before it, but it comes again after it.
    assert_in_order(&topic.last_deliveries(), 3, 20);
}

async fn more_refused_events_than_a_batch_holds_do_not_hold_up_other_sagas<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
    // A batch holds 20.
    record_all(&pool, &topic, 30, 2).await;
    topic.refuse(Some("saga-2"));
    let outbox = Outbox::new("order-service");
    let mut transaction = pool.begin().await.unwrap();
    let last = saga(&topic, "last");
    let step = last.start(steps::ORDER_CREATED);
    outbox.record(&mut *transaction, step).await.unwrap();
    transaction.commit().await.unwrap();

    let relay = Relay::new(pool, Arc::new(topic.clone())).options(options());
    relay
        .run(async {
            // saga-2 and saga-20 to saga-29, two events each.
            while relay.backlog().await.unwrap().pending > 22 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    let published = topic.first_deliveries();
    assert!(published.iter().any(|event| event.saga_id == *"last"));
    topic.refuse(None);
    drain(&relay).await;
    assert_eq!(topic.first_deliveries().len(), 61);
}

async fn insert_undecodable<D>(pool: &Pool<D>, saga_id: &str)
where
    D: Database,
    D::Connection: OutboxConnection,
{
    let mut transaction = pool.begin().await.unwrap();
    transaction.insert(saga_id, b"no event", None).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn an_event_that_can_never_be_published_is_set_aside_and_put_back<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
    insert_undecodable(&pool, "saga-0").await;
    record_all(&pool, &topic, 2, 10).await;
    topic.set_too_large(Some("saga-1"));
    let mut options = options();
    options.max_attempts = 3;
    let relay = Relay::new(pool, Arc::new(topic.clone())).options(options);
    drain(&relay).await;

    let letters = relay.dead_letters(100).await.unwrap();
    assert_eq!(letters.len(), 11, "the row and the ten of saga-1");
    assert_eq!(
        (letters[0].saga_id.as_str(), &letters[0].event[..]),
        ("saga-0", &b"no event"[..])
    );
    assert!(letters[1].failure.contains("too_large"), "{letters:?}");
    assert_eq!(relay.backlog().await.unwrap().dead_letters, 11);
    assert_eq!(topic.first_deliveries().len(), 10, "those of saga-0 go on");

    topic.set_too_large(None);
    let positions: Vec<_> = letters[1..].iter().map(|letter| letter.position).collect();
    assert_eq!(relay.put_back(&positions).await.unwrap(), 10);
    drain(&relay).await;
    assert_complete_and_in_order(&topic, 2, 10);
    assert_eq!(relay.backlog().await.unwrap().dead_letters, 1);
}

async fn events_behind_a_refused_one_are_not_sent_with_every_retry<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
    record_all(&pool, &topic, 1, 15).await;
    topic.refuse(Some("saga-0"));
    let mut options = options();
    options.longest_back_off = Duration::from_millis(20);
    let relay = Relay::new(pool, Arc::new(topic.clone())).options(options);
    let retried = async {
        while topic.calls() < 30 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        topic.refuse(None);
        empty(&relay).await;
    };
    relay.run(retried).await;
    // All once, the first one alone with each of at least 15 retries, then the rest.
    assert_complete_and_in_order(&topic, 1, 15);
    assert_eq!(topic.first_deliveries().len(), 15);
    assert!(topic.calls() >= 30 + 14, "{}", topic.calls());
    assert!(topic.calls() < 30 + 2 * 15, "{}", topic.calls());
}
