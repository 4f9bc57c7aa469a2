//! A database restored from a backup, as docs/operations.md describes.

use crate::support::{
    Harness,
    events::{compensated, saga, success},
    eventually, part,
    process::ServerProcess,
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use saga_types::{SagaEvent, definition::Definitions, fold};
use sqlx::{Connection, PgConnection};

/// A statement beside the test's own database, which may not be in use by it.
async fn admin(statement: String) {
    let url = part("DATABASE_URL", "PostgreSQL");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let statement = sqlx::AssertSqlSafe(statement);
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// What `kafka-consumer-groups --reset-offsets` does, while the group has no members.
fn set_back(harness: &Harness, group: &str, topic: &str) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &harness.bootstrap_servers)
        .set("group.id", group)
        .create()
        .unwrap();
    let mut beginning = TopicPartitionList::new();
    for partition in 0..3 {
        beginning
            .add_partition_offset(topic, partition, Offset::Offset(0))
            .unwrap();
    }
    consumer.commit(&beginning, CommitMode::Sync).unwrap();
}

async fn stored(harness: &Harness, events: usize) {
    let expected = i64::try_from(events).unwrap();
    eventually("all events are stored", async || {
        harness.sql_count("SELECT count(*) FROM saga_steps").await == expected
    })
    .await;
}

fn send(harness: &Harness, sagas: &[&[SagaEvent]]) {
    let producer = harness.producer();
    for event in sagas.iter().copied().flatten() {
        producer.send(event);
    }
    producer.flush();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_restored_from_a_backup_gets_from_kafka_what_came_after_it() {
    let harness = Harness::new().await;
    let (_, database) = harness.database_url.rsplit_once('/').unwrap();
    let sagas: Vec<Vec<SagaEvent>> = (0..200)
        .map(|n| {
            let recorded = if n % 2 == 0 { success() } else { compensated() };
            saga(&format!("saga-{n}"), &recorded)
        })
        .collect();
    let all: usize = sagas.iter().map(Vec::len).sum();
    let (before, after): (Vec<&[SagaEvent]>, Vec<&[SagaEvent]>) =
        sagas.iter().map(|events| events.split_at(3)).unzip();

    let mut server = ServerProcess::serve(&harness);
    send(&harness, &before);
    stored(&harness, 3 * sagas.len()).await;
    server.terminate();
    admin(format!("CREATE DATABASE {database}_backup TEMPLATE {database}")).await;

    let mut server = ServerProcess::serve(&harness);
    send(&harness, &after);
    stored(&harness, all).await;
    server.terminate();

    admin(format!("DROP DATABASE {database} WITH (FORCE)")).await;
    admin(format!("CREATE DATABASE {database} TEMPLATE {database}_backup")).await;
    set_back(&harness, &harness.group, &harness.topic);
    let dead_letters = format!("{}-dead-letters", harness.group);
    set_back(&harness, &dead_letters, &harness.dead_letter_topic);

    let server = ServerProcess::serve(&harness);
    stored(&harness, all).await;
    for events in sagas.iter().step_by(9) {
        let expected = fold::fold(events, &Definitions::built_in()).unwrap();
        let path = format!("/api/v1/sagas/{}", expected.saga_id);
        let (_, answer) = server.rest.get(&path).await;
        assert_eq!(answer["currentStatus"], expected.current_status.as_str());
        assert_eq!(answer["stepCount"], expected.step_count);
    }
    assert!(harness.dead_letters(0).await.is_empty());
}
