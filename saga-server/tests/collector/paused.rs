//! Partitions that change hands while the store is slow.

use std::time::Duration;

use crate::support::{
    Harness,
    events::{saga, success},
    eventually,
    running::Running,
};
use sqlx::{Connection, PgConnection};

/// More than two batches.
const SAGAS: usize = 4_000;

async fn send_and_wait(harness: &Harness, prefix: &str, stored: usize) {
    send(harness, prefix);
    all_stored(harness, stored).await;
}

fn send(harness: &Harness, prefix: &str) {
    let producer = harness.producer();
    for number in 0..SAGAS {
        let events = saga(&format!("{prefix}-{number}"), &success());
        events.iter().for_each(|event| producer.send(event));
    }
    producer.flush();
}

async fn all_stored(harness: &Harness, sagas: usize) {
    let expected = i64::try_from(sagas * success().len()).unwrap();
    eventually("all events are stored", async || {
        harness.sql_count("SELECT count(*) FROM saga_steps").await == expected
    })
    .await;
}

/// The client keeps a partition paused that was taken away while it was paused, also when it is given back.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_taken_away_while_paused_is_read_on_when_it_comes_back() {
    let harness = Harness::new().await;
    let first = Running::on(&harness).await;
    let mut blocker = PgConnection::connect(&harness.database_url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE saga_steps IN EXCLUSIVE MODE")
        .execute(&mut blocker)
        .await
        .unwrap();
    send(&harness, "slow");
    // A batch waits for the lock, the next one is full, and after a second the partitions are paused.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let second = Running::on(&harness).await;
    // It takes some of the partitions, which the first one keeps as paused.
    tokio::time::sleep(Duration::from_secs(8)).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
    all_stored(&harness, SAGAS).await;

    second.stop().await;
    send_and_wait(&harness, "after", 2 * SAGAS).await;
    first.stop().await;
}
