//! A rebalance while the store is slow.

use crate::support::{
    Harness,
    events::{saga, success},
    eventually,
    process::ServerProcess,
};
use sqlx::{Connection, PgConnection};

/// More events than the batches in work and a full one behind them.
const SAGAS: usize = 8_000;

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

/// The client keeps a partition paused that was revoked while it was paused, also when it is assigned again.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_revoked_while_paused_is_read_when_it_is_assigned_again() {
    let harness = Harness::new().await;
    let mut first = ServerProcess::serve_logging(&harness);
    first.rest.wait_until_ready().await;
    let mut blocker = PgConnection::connect(&harness.database_url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE saga_steps IN EXCLUSIVE MODE")
        .execute(&mut blocker)
        .await
        .unwrap();
    send(&harness, "slow");
    // One batch waits for the lock, and the next one is full.
    eventually("the partitions are paused", async || {
        !first.log_lines("partitions paused").is_empty()
    })
    .await;
    let mut second = ServerProcess::serve_logging(&harness);
    eventually("the first one keeps some of the partitions", async || {
        has_partitions(&second)
    })
    .await;
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
    all_stored(&harness, SAGAS).await;

    assert_eq!(second.terminate(), Some(0));
    send_and_wait(&harness, "after", 2 * SAGAS).await;
    assert_eq!(first.terminate(), Some(0));
}

/// Whether its last assignment in the topic of the events, by its log, has a partition.
fn has_partitions(server: &ServerProcess) -> bool {
    let assignments = server.log_lines("partitions assigned");
    let last = assignments.iter().rfind(|line| !line.contains("dlt"));
    last.is_some_and(|line| !line.contains("{}"))
}
