//! What holds on both databases.

use std::{sync::Arc, time::Duration};

use saga_sdk::{
    NoOpClient, Saga, SagaConfig, SagaTrackerClient, SagaType,
    outbox::{self, Outbox, OutboxConnection, OutboxError, OutboxPool, Relay, RelayOptions},
    steps,
};
use sqlx::{Database, Pool};

use crate::{databases, topic::Topic};

fn options() -> RelayOptions {
    let mut options = RelayOptions::default();
    options.batch = 20;
    options.poll_interval = Duration::from_millis(10);
    options.first_back_off = Duration::from_millis(10);
    options.lease = Duration::from_millis(500);
    options
}

fn saga(topic: &Topic, id: &str) -> Saga {
    let client: Arc<dyn SagaTrackerClient> = Arc::new(topic.clone());
    client.order("order-1").saga(SagaType::ORDER_CREATION, id)
}

/// Runs a relay until nothing is left.
async fn drain<P: OutboxPool>(relay: &Relay<P>) {
    relay.run(empty(relay)).await;
}

async fn empty<P: OutboxPool>(relay: &Relay<P>) {
    while relay.backlog().await.unwrap().pending > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

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

on_both_databases! {
    committed_is_published_and_rolled_back_is_not,
    published_events_are_cleaned_up_after_their_age,
    what_comes_behind_a_failed_event_comes_again_after_it,
    several_relays_killed_at_random_lose_nothing_and_keep_order,
    a_disabled_tracker_writes_and_publishes_nothing,
    the_trace_of_an_event_comes_through_as_a_whole,
    what_was_committed_before_the_end_is_published,
    more_refused_events_than_a_batch_holds_do_not_hold_up_other_sagas,
    an_event_that_can_never_be_published_is_set_aside_and_put_back,
    events_behind_a_refused_one_are_not_sent_with_every_retry,
    only_a_transaction_is_taken,
    a_row_that_another_library_inserts_is_published,
    a_step_run_within_a_transaction_is_in_the_outbox_exactly_when_its_changes_are,
    a_drain_publishes_what_is_there_and_says_what_is_left,
}

async fn the_trace_of_an_event_comes_through_as_a_whole<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
    let client: Arc<dyn SagaTrackerClient> = Arc::new(topic.clone());
    // Not sampled, and with a state: neither is in the event.
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let mut headers = saga(&topic, "saga-1").headers();
    headers.extend([
        ("traceparent", traceparent.to_owned()),
        ("tracestate", "vendor=value".to_owned()),
    ]);
    let resumed = client.resume(headers).unwrap();
    let outbox = Outbox::new("order-service");
    let mut transaction = pool.begin().await.unwrap();
    for step in [resumed, saga(&topic, "saga-2")] {
        let step = step.start(steps::ORDER_CREATED);
        outbox.record(&mut *transaction, step).await.unwrap();
    }
    transaction.commit().await.unwrap();
    drain(&Relay::new(pool, client).options(options())).await;

    assert_eq!(topic.first_deliveries().len(), 2);
    let [trace] = topic.traces().try_into().unwrap();
    assert_eq!(
        (trace.traceparent().as_str(), trace.tracestate()),
        (traceparent, Some("vendor=value"))
    );
}

async fn what_was_committed_before_the_end_is_published<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
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

async fn committed_is_published_and_rolled_back_is_not<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    outbox::migrate(&pool).await.unwrap();
    let (topic, outbox) = (Topic::default(), Outbox::new("order-service"));
    for (id, commits) in [("kept", true), ("rolled-back", false)] {
        let mut transaction = pool.begin().await.unwrap();
        let step = saga(&topic, id);
        outbox
            .record(
                &mut *transaction,
                step.start(steps::ORDER_CREATED).with("itemCount", 2),
            )
            .await
            .unwrap();
        let refused = outbox
            .record(&mut *transaction, step.start("bad step"))
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("step is not UPPER_SNAKE_CASE"),
            "{refused}"
        );
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
    }
    let relay = Relay::new(pool, Arc::new(topic.clone())).options(options());
    assert_eq!(relay.backlog().await.unwrap().pending, 1);
    drain(&relay).await;
    let published = topic.first_deliveries();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].saga_id, "kept");
    let metadata = published[0].metadata.as_ref().unwrap();
    assert_eq!(metadata.producer_service(), Some("order-service"));
    assert_eq!(metadata.to_object()["itemCount"], 2);
}

async fn record_all<D>(pool: &Pool<D>, topic: &Topic, sagas: u32, events: u32)
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

/// Every event came, and the first coming of each is in the order of its saga.
fn assert_complete_and_in_order(topic: &Topic, sagas: u32, events: u32) {
    let published = topic.first_deliveries();
    for id in 0..sagas {
        let of_saga = published
            .iter()
            .filter(|event| event.saga_id == *format!("saga-{id}"));
        let numbers: Vec<_> = of_saga
            .map(|event| {
                event.metadata.as_ref().unwrap().to_object()["number"]
                    .as_u64()
                    .unwrap()
            })
            .collect();
        assert_eq!(numbers, (0..u64::from(events)).collect::<Vec<_>>(), "saga-{id}");
    }
}

async fn published_events_are_cleaned_up_after_their_age<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
    record_all(&pool, &topic, 1, 3).await;
    assert_eq!(
        pool.clean_up(Duration::ZERO).await.unwrap(),
        0,
        "nothing that waits"
    );
    drain(&Relay::new(pool.clone(), Arc::new(topic)).options(options())).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(
        pool.clean_up(Duration::from_secs(60)).await.unwrap(),
        0,
        "nothing that is young"
    );
    assert_eq!(pool.clean_up(Duration::ZERO).await.unwrap(), 3);
}

async fn what_comes_behind_a_failed_event_comes_again_after_it<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
    record_all(&pool, &topic, 3, 20).await;
    topic.fail_every(7);
    let relay = Relay::new(pool, Arc::new(topic.clone())).options(options());
    drain(&relay).await;
    // An event behind a failed one may have come before it, but it comes again after it.
    let published = topic.last_deliveries();
    for id in 0..3 {
        let of_saga = published
            .iter()
            .filter(|event| event.saga_id == *format!("saga-{id}"));
        let numbers: Vec<_> = of_saga
            .map(|event| {
                event.metadata.as_ref().unwrap().to_object()["number"]
                    .as_u64()
                    .unwrap()
            })
            .collect();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "saga-{id}");
    }
}

async fn more_refused_events_than_a_batch_holds_do_not_hold_up_other_sagas<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
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
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
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
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
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

async fn a_row_that_another_library_inserts_is_published<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
    let config = SagaConfig::default()
        .service_name("order-service")
        .service_version("1.2.3");
    let outbox = Outbox::from_config(&config).unwrap();
    let saga = saga(&topic, "saga-1");
    let row = outbox.row(saga.start(steps::ORDER_CREATED)).unwrap().unwrap();
    let mut transaction = pool.begin().await.unwrap();
    transaction.insert(&row.saga_id, &row.event, None).await.unwrap();
    transaction.commit().await.unwrap();
    drain(&Relay::new(pool, Arc::new(topic.clone())).options(options())).await;
    let [event] = topic.first_deliveries().try_into().unwrap();
    let metadata = event.metadata.unwrap().to_object();
    assert_eq!(metadata["producerService"], "order-service");
    assert_eq!(metadata["serviceVersion"], "1.2.3");
}

async fn several_relays_killed_at_random_lose_nothing_and_keep_order<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_commits_late_is_not_passed_by() {
    let pool = databases::postgres().await;
    outbox::migrate(&pool).await.unwrap();
    let (topic, outbox) = (Topic::default(), Outbox::new("order-service"));
    let mut late = pool.begin().await.unwrap();
    outbox
        .record(&mut *late, saga(&topic, "late").start(steps::ORDER_CREATED))
        .await
        .unwrap();
    record_all(&pool, &topic, 1, 5).await;
    let relay = Relay::new(pool, Arc::new(topic.clone())).options(options());
    drain(&relay).await;
    assert_eq!(topic.first_deliveries().len(), 5);
    late.commit().await.unwrap();
    drain(&relay).await;
    assert_eq!(topic.first_deliveries().last().unwrap().saga_id, "late");
}

const FIRST_VERSION_INSERT: &str = "INSERT INTO saga_outbox (saga_id, event) VALUES ('saga-1', '')";

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_first_version_in_postgres_are_brought_up_to_date() {
    let pool = databases::postgres().await;
    for script in [outbox::POSTGRES_MIGRATIONS[0], FIRST_VERSION_INSERT] {
        sqlx::raw_sql(script).execute(&pool).await.unwrap();
    }
    replicas_that_start_at_once_bring_the_tables_up_to_date(pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_first_version_in_sqlite_are_brought_up_to_date() {
    let pool = databases::sqlite().await;
    for script in [outbox::SQLITE_MIGRATIONS[0], FIRST_VERSION_INSERT] {
        sqlx::raw_sql(script).execute(&pool).await.unwrap();
    }
    replicas_that_start_at_once_bring_the_tables_up_to_date(pool).await;
}

async fn replicas_that_start_at_once_bring_the_tables_up_to_date<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let replicas = [(); 4].map(|()| {
        let pool = pool.clone();
        tokio::spawn(async move { outbox::migrate(&pool).await.unwrap() })
    });
    for replica in replicas {
        replica.await.unwrap();
    }
    record_all(&pool, &Topic::default(), 1, 1).await;
    assert_eq!(pool.pending(9, &[]).await.unwrap().len(), 2);
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

async fn a_drain_publishes_what_is_there_and_says_what_is_left<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    outbox::migrate(&pool).await.unwrap();
    let topic = Topic::default();
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
