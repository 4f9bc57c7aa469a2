//! How a relay begins, shares its work and ends.

use std::{sync::Arc, time::Duration};

use saga_sdk::{
    NoOpClient, SagaConfig,
    outbox::{self, OutboxConnection, OutboxPool, Relay},
};
use sqlx::{Database, Pool};

use crate::{
    databases,
    harness::{assert_complete_and_in_order, drain, options, record_all, with_tables},
};

on_both_databases! {
    a_relay_may_keep_events_and_wait_without_end,
    several_relays_killed_at_random_lose_nothing_and_keep_order,
    what_was_committed_before_the_end_is_published,
    a_drain_publishes_what_is_there_and_says_what_is_left,
}

async fn what_was_committed_before_the_end_is_published<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
    let mut options = options();
    // It looks once at the beginning, and not again before the end.
    options.poll_interval = Duration::from_secs(3_600);
    let relay = Relay::new(pool.clone(), Arc::new(topic.clone())).options(options);
    relay
        .run(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            // More than one batch.
            record_all(&pool, &topic, 5, 10).await;
        })
        .await;
    assert_eq!(topic.first_deliveries().len(), 50);
    assert_eq!(pool.backlog().await.unwrap().pending, 0);
}

async fn several_relays_killed_at_random_lose_nothing_and_keep_order<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
    let relay = || {
        let relay = Relay::new(pool.clone(), Arc::new(topic.clone())).options(options());
        tokio::spawn(async move { relay.run(std::future::pending()).await })
    };
    let killer = async {
        let mut relays = [relay(), relay(), relay()];
        for round in 0_usize.. {
            tokio::time::sleep(Duration::from_millis(40)).await;
            relays[round % 3].abort();
            relays[round % 3] = relay();
        }
    };
    tokio::select! {
        () = killer => {}
        () = record_all(&pool, &topic, 5, 60) => {}
    }
    drain(&Relay::new(pool.clone(), Arc::new(topic.clone())).options(options())).await;
    assert_complete_and_in_order(&topic, 5, 60);
}

async fn a_drain_publishes_what_is_there_and_says_what_is_left<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
    record_all(&pool, &topic, 5, 10).await;
    let relay = Relay::new(pool.clone(), Arc::new(NoOpClient)).options(options());
    assert_eq!(relay.drain(Duration::from_secs(60)).await.unwrap().pending, 50);

    // While another relay has the lease nothing is published.
    assert!(pool.lease("another", Duration::from_secs(3_600)).await.unwrap());
    let relay = Relay::new(pool.clone(), Arc::new(topic.clone())).options(options());
    assert_eq!(relay.drain(Duration::from_millis(50)).await.unwrap().pending, 50);
    pool.release("another").await.unwrap();
    assert_eq!(relay.drain(Duration::from_secs(60)).await.unwrap().pending, 0);
    assert_eq!(topic.first_deliveries().len(), 50);
    // It has given the lease up.
    assert!(pool.lease("another", Duration::from_secs(1)).await.unwrap());
}

async fn a_relay_may_keep_events_and_wait_without_end<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
    record_all(&pool, &topic, 1, 2).await;
    let mut options = options();
    options.lease = Duration::MAX;
    options.retention = Duration::MAX;
    let relay = Relay::new(pool.clone(), Arc::new(topic.clone())).options(options);
    assert_eq!(relay.drain(Duration::MAX).await.unwrap().pending, 0);
    drain(&relay).await;
    assert_eq!(pool.clean_up(Duration::MAX).await.unwrap(), 0);
    assert_eq!(topic.first_deliveries().len(), 2);
}

/// Hands on what is logged on this thread.
struct Logged(Arc<std::sync::Mutex<String>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Logged {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        use std::fmt::Write as _;
        let mut text = self.0.lock().unwrap();
        event.record(
            &mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                writeln!(text, "{field}={value:?}").unwrap();
            },
        );
    }
}

#[tokio::test]
async fn a_relay_closes_the_client_that_it_made() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let logged = Arc::new(std::sync::Mutex::new(String::new()));
    let subscriber = tracing_subscriber::registry().with(Logged(logged.clone()));
    let _guard = tracing::subscriber::set_default(subscriber);
    let pool = databases::sqlite().await;
    outbox::migrate(&pool).await.unwrap();
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers("127.0.0.1:1")
        .service_name("order-service");

    let tracker = saga_sdk::connect(&config).unwrap();
    drop(tracker);
    let warning = "dropped without being closed";
    assert!(logged.lock().unwrap().contains(warning));
    logged.lock().unwrap().clear();

    let relay = Relay::connect(pool, &config).unwrap();
    relay.run(async {}).await;
    drop(relay);
    let logged = logged.lock().unwrap();
    assert!(!logged.contains(warning), "{logged}");
}
