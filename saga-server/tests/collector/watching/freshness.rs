//! Freshness, whichever collector is asked.

use saga_types::{SagaStatus, steps};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use crate::support::{Harness, events::event, running::Running};

fn is_up_to_date(answer: &Value) -> bool {
    let freshness = &answer["freshness"];
    freshness["upToDate"] == true && freshness["partitions"].as_array().unwrap().len() == 3
}

#[tokio::test(flavor = "multi_thread")]
async fn every_collector_knows_of_all_partitions_also_of_those_that_others_consume() {
    let harness = Harness::new().await;
    let first = Running::on(&harness).await;
    let second = Running::on(&harness).await;
    for server in [&first, &second] {
        server
            .rest
            .wait_for("/api/v1/sagas", "up to date", |_, answer| is_up_to_date(answer))
            .await;
    }
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_the_topic_is_counted_and_said_until_it_is_stored() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let (rest, producer) = (&server.rest, harness.producer());
    rest.wait_for("/api/v1/sagas", "up to date", |_, answer| is_up_to_date(answer))
        .await;

    // The table can be read, but not written.
    let mut other = PgConnection::connect(&harness.database_url).await.unwrap();
    let mut lock = other.begin().await.unwrap();
    lock.execute("LOCK TABLE saga_steps IN EXCLUSIVE MODE")
        .await
        .unwrap();
    for saga in 0..300 {
        let saga_id = format!("saga-{saga}");
        producer.send(&event(&saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started));
    }
    producer.flush();
    let behind = |answer: &Value| {
        answer["freshness"]["eventsBehind"] == 300 && answer["freshness"]["upToDate"] == false
    };
    let answer = rest
        .wait_for("/api/v1/sagas", "300 events behind", |_, answer| behind(answer))
        .await;
    let summary = answer["freshness"]["summary"].as_str().unwrap();
    assert!(summary.starts_with("300 events behind, about "), "{summary}");
    let (status, error) = rest.get("/api/v1/sagas/saga-7").await;
    assert_eq!(status, 404);
    assert!(
        error["message"].as_str().unwrap().contains("300 events behind"),
        "{error}"
    );

    lock.rollback().await.unwrap();
    let answer = rest
        .wait_for("/api/v1/sagas", "up to date again", |_, answer| {
            is_up_to_date(answer) && answer["page"]["totalElements"] == 300
        })
        .await;
    assert_eq!(answer["freshness"]["summary"], "up to date");
    // Without a further event it becomes known that there is nothing more.
    rest.wait_for("/api/v1/sagas", "nothing behind", |_, answer| {
        answer["freshness"]["eventsBehind"] == json!(0)
    })
    .await;
    server.stop().await;
}
