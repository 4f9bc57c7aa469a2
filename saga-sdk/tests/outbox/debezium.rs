//! Rows of the outbox as Debezium's outbox event router makes records of them, by the configuration that is in `deploy/debezium`: a real
//! connector, from a real PostgreSQL to real Kafka.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Message as _,
    message::{BorrowedMessage, Headers as _},
};
use saga_sdk::{
    SagaTrackerClient, SagaType,
    outbox::{self, Outbox},
    steps,
};
use saga_types::{Step, avro};
use serde_json::Value;
use sqlx::PgPool;

use crate::{databases, kafka::create_topic, support::consumer, topic::Topic};

const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/debezium/saga-outbox.json");

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!(
            "this test needs {name}: run scripts/parts run kafka postgres debezium -- cargo test -p saga-sdk --features outbox"
        )
    })
}

/// What Kafka Connect's REST interface answers.
fn connect(method: &str, path: &str, body: &str) -> String {
    let address = variable("SAGA_TEST_CONNECT");
    let mut connection = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_default();
    assert!(status.starts_with('2'), "{method} {path}: {answer}");
    answer
}

/// The file's configuration for this database and topic.
async fn configuration(pool: &PgPool, name: &str, topic: &str) -> Value {
    let file: Value = serde_json::from_slice(&fs::read(CONFIGURATION).unwrap()).unwrap();
    let mut configuration = file["config"].clone();
    let options = pool.connect_options();
    let schema: String = sqlx::query_scalar("SELECT current_schema()::text")
        .fetch_one(pool)
        .await
        .unwrap();
    for (key, value) in [
        ("database.hostname", options.get_host().to_owned()),
        ("database.port", options.get_port().to_string()),
        ("database.dbname", options.get_database().unwrap().to_owned()),
        ("database.user", options.get_username().to_owned()),
        ("database.password", String::new()),
        ("table.include.list", format!("{schema}.saga_outbox")),
        ("slot.name", name.to_owned()),
        ("publication.name", name.to_owned()),
        ("transforms.outbox.route.topic.replacement", topic.to_owned()),
    ] {
        configuration[key] = value.into();
    }
    configuration
}

async fn record(pool: &PgPool, saga_id: &str, step: Step, is_traced: bool) {
    // Only stands for an enabled tracker: what is recorded goes to the outbox.
    let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Topic::default());
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, saga_id);
    let mut step = saga.progress(step).with("customerId", "Zoë");
    if is_traced {
        step = step.trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", true);
    }
    let mut transaction = pool.begin().await.unwrap();
    let outbox = Outbox::new("order-service");
    outbox.record(&mut *transaction, step).await.unwrap();
    transaction.commit().await.unwrap();
}

fn header<'a>(record: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a [u8]> {
    let headers = record.headers()?;
    headers.iter().find(|header| header.key == name)?.value
}

#[tokio::test(flavor = "multi_thread")]
async fn debezium_routes_the_rows_as_the_relay_does() {
    let servers = variable("KAFKA_BOOTSTRAP_SERVERS");
    let topic = create_topic(&servers).await;
    let pool = databases::postgres().await;
    outbox::migrate(&pool).await.unwrap();
    let name = topic.replace('-', "_");
    // One that its snapshot reads, and one that is written while it runs.
    record(&pool, "사가-1", steps::ORDER_CREATED, true).await;
    let configuration = configuration(&pool, &name, &topic).await.to_string();
    connect("PUT", &format!("/connectors/{name}/config"), &configuration);
    let records = consumer(&servers, &topic);
    let next = || {
        let started = Instant::now();
        loop {
            if let Some(record) = records.poll(Duration::from_secs(1)) {
                return record.unwrap();
            }
            let status = connect("GET", &format!("/connectors/{name}/status"), "");
            assert!(!status.contains("FAILED"), "{status}");
            assert!(started.elapsed() < Duration::from_secs(60), "no record: {status}");
        }
    };
    for (step, is_traced) in [(steps::ORDER_CREATED, true), (steps::ORDER_CONFIRMED, false)] {
        if step == steps::ORDER_CONFIRMED {
            record(&pool, "사가-1", step.clone(), is_traced).await;
        }
        let record = tokio::task::block_in_place(next);
        assert_eq!(record.key(), Some("사가-1".as_bytes()));
        let event = avro::decode_single_object(record.payload().unwrap()).unwrap();
        assert_eq!((event.saga_id.as_str(), &event.step), ("사가-1", &step));
        let traceparent =
            is_traced.then_some(&b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"[..]);
        assert_eq!(header(&record, "traceparent"), traceparent);
    }

    // The slot would keep the log of the database for ever.
    connect("DELETE", &format!("/connectors/{name}"), "");
    let started = Instant::now();
    let drop_slot = || {
        sqlx::query("SELECT pg_drop_replication_slot($1)")
            .bind(&name)
            .execute(&pool)
    };
    while let Err(error) = drop_slot().await {
        assert!(started.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
