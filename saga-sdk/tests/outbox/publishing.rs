//! What is committed is published: once at least, and in the order of its saga.

use std::{sync::Arc, time::Duration};

use saga_sdk::{
    SagaConfig, SagaTrackerClient,
    outbox::{self, Outbox, OutboxConnection, OutboxPool, Relay},
    steps,
};
use sqlx::{Database, Pool};

use crate::{
    databases,
    harness::{drain, options, record_all, saga, with_tables},
    topic::Topic,
};

on_both_databases! {
    committed_is_published_and_rolled_back_is_not,
    published_events_are_cleaned_up_after_their_age,
    the_trace_of_an_event_comes_through_as_a_whole,
    a_row_that_another_library_inserts_is_published,
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

async fn published_events_are_cleaned_up_after_their_age<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
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

async fn the_trace_of_an_event_comes_through_as_a_whole<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
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

async fn a_row_that_another_library_inserts_is_published<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let topic = with_tables(&pool).await;
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
