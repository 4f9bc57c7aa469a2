//! Dead letters on a real Apache Kafka and PostgreSQL: from their topic into the database, and back into their sagas.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::support::{
    Harness, TestProducer,
    events::{event, saga, success},
    eventually,
    process::ServerProcess,
    running::Running,
};
use axum::{Json, Router, http::StatusCode, routing::get};
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};
use saga_collector::{ingest::RegistryConfig, secret::Secret};
use saga_types::{
    SagaStatus,
    avro::{self, Framing, SchemaVersion},
    steps,
    topic::dead_letter_headers as headers,
};
use serde_json::{Value, json};

const LIST: &str = "/internal/v1/dlt?size=100";
const REPLAY: &str = "/internal/v1/sagas/replay";
const LETTERS: &str = "SELECT count(*) FROM dead_letter";

/// A registry that does not know schema 7 until it is registered.
async fn forgetful_registry(knows: Arc<AtomicBool>) -> String {
    let answer = move || {
        let knows = knows.load(Ordering::SeqCst);
        async move {
            match knows {
                true => Ok(Json(json!({"schema": SchemaVersion::V2.json()}))),
                false => Err((StatusCode::NOT_FOUND, Json(json!({"error_code": 40403})))),
            }
        }
    };
    let router = Router::new().route("/schemas/ids/7", get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn letters(server: &Running, count: usize) -> Vec<Value> {
    let listed = |body: &Value| body["content"].as_array().map_or(0, Vec::len);
    let answer = server
        .rest
        .wait_for(LIST, &format!("{count} letters"), |_, body| listed(body) == count)
        .await;
    answer["content"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn once_its_cause_is_mended_a_letter_is_replayed_into_its_saga_and_only_once() {
    let harness = Harness::new().await;
    let knows = Arc::new(AtomicBool::new(false));
    let mut config = harness.config();
    config.schema_registry = Some(RegistryConfig {
        url: Secret::new(forgetful_registry(knows.clone()).await),
        ca_file: None,
    });
    let server = Running::with(config).await;
    let producer = harness.producer();
    let mut events = saga("order-1", &success());
    let confirmed = events.pop().unwrap();
    events.iter().for_each(|event| producer.send(event));
    let framing = Framing::Confluent { schema_id: 7 };
    let value = avro::encode(&confirmed, SchemaVersion::V2, framing).unwrap();
    producer.send_raw(Some(b"order-1"), &value);
    producer.send_raw(Some(b"order-1"), b"never an event");
    producer.flush();
    server.rest.saga_with_steps("order-1", 6).await;

    let listed = letters(&server, 2).await;
    let unknown = listed
        .iter()
        .find(|letter| letter["reason"] == "UNKNOWN_SCHEMA_ID")
        .unwrap();
    assert_eq!(unknown["sagaId"], "order-1", "by its key");
    assert_eq!(unknown["origin"]["topic"], harness.topic.as_str());
    assert_eq!(unknown["origin"]["consumerGroup"], harness.group.as_str());
    assert!(unknown["origin"]["offset"].as_u64().is_some(), "{unknown}");
    let (_, groups) = server.rest.get("/internal/v1/dlt/groups").await;
    assert_eq!(
        (&groups["waiting"], groups["groups"].as_array().unwrap().len()),
        (&json!(2), 2)
    );
    let waiting = |text: &Value| {
        text.as_str()
            .is_some_and(|text| text.contains("saga_tracker_dead_letters_waiting 2\n"))
    };
    server
        .rest
        .wait_for("/metrics", "2 letters wait", |_, text| waiting(text))
        .await;

    let all = json!({"filter": {"sagaId": "order-1"}});
    let mut dry = all.clone();
    dry["dryRun"] = json!(true);
    assert_eq!(
        server.rest.post(REPLAY, &dry).await["successful"],
        0,
        "not registered yet"
    );
    knows.store(true, Ordering::SeqCst);
    let dry = server.rest.post(REPLAY, &dry).await;
    let result = dry["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|result| result["status"] == "REPLAYED")
        .unwrap();
    assert_eq!(
        (&result["before"], &result["after"]),
        (&json!("IN_PROGRESS"), &json!("COMPLETED"))
    );
    assert_eq!(result["eventId"], confirmed.event_id.as_str());
    assert_eq!(
        server.rest.saga_with_steps("order-1", 6).await["currentStatus"],
        "IN_PROGRESS"
    );

    let done = server.rest.post(REPLAY, &all).await;
    assert_eq!((&done["successful"], &done["failed"]), (&json!(1), &json!(1)));
    assert_eq!(
        server.rest.saga_with_steps("order-1", 7).await["currentStatus"],
        "COMPLETED"
    );
    let again = server
        .rest
        .post(REPLAY, &json!({"deadLetterIds": [unknown["id"]]}))
        .await;
    assert_eq!(again["results"][0]["status"], "ALREADY_REPLAYED");
    let rest = server.rest.post(REPLAY, &all).await;
    assert_eq!(
        (&rest["requested"], &rest["failed"]),
        (&json!(1), &json!(1)),
        "only the other one waits"
    );
    assert_eq!(harness.sql_count("SELECT count(*) FROM saga_steps").await, 7);
    server.stop().await;
}

fn with_headers(entries: &[(&str, Option<&[u8]>)]) -> OwnedHeaders {
    entries.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: *value })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_others_are_read_whatever_their_headers_are() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer = TestProducer::to(&harness.bootstrap_servers, &harness.dead_letter_topic);
    let stored = event("by-spring", 0, steps::ORDER_CREATED, SagaStatus::Started);
    let value = avro::encode(&stored, SchemaVersion::V1, Framing::SingleObject).unwrap();
    let spring = with_headers(&[
        (headers::ORIGINAL_TOPIC, Some(b"other.topic")),
        (headers::ORIGINAL_PARTITION, Some(&3_i32.to_be_bytes())),
        (headers::ORIGINAL_OFFSET, Some(&77_i64.to_be_bytes())),
        (
            headers::ORIGINAL_TIMESTAMP,
            Some(&1_700_000_000_000_i64.to_be_bytes()),
        ),
        (headers::ORIGINAL_TIMESTAMP_TYPE, Some(b"CreateTime")),
        (headers::ORIGINAL_CONSUMER_GROUP, Some(b"jvm-service")),
        (
            headers::EXCEPTION_FQCN,
            Some(b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
        ),
        (
            "kafka_dlt-exception-cause-fqcn",
            Some(b"java.net.SocketTimeoutException"),
        ),
        (headers::EXCEPTION_MESSAGE, Some(b"read timed out\n\tat line 1")),
        ("kafka_dlt-exception-stacktrace", Some(b"at com.example.Listener")),
    ]);
    let malformed = with_headers(&[
        (headers::ORIGINAL_TOPIC, Some(b"\xff\xfe\0")),
        (headers::ORIGINAL_PARTITION, Some(b"3")),
        (headers::ORIGINAL_OFFSET, Some(&(-5_i64).to_be_bytes())),
        (headers::ORIGINAL_TIMESTAMP, Some(&i64::MIN.to_be_bytes())),
        (headers::EXCEPTION_FQCN, Some(b"")),
        (headers::EXCEPTION_MESSAGE, None),
        ("saga-producer", Some(&[b'x'; 100_000])),
    ]);
    let record = || BaseRecord::<[u8], [u8]>::to(producer.topic());
    producer.send_record(record().key(&b"spring"[..]).payload(&value).headers(spring));
    producer.send_record(
        record()
            .key(&b"malformed\0"[..])
            .payload(&[0xff; 700_000])
            .headers(malformed),
    );
    producer.send_record(record());
    producer.flush();

    let listed = letters(&server, 3).await;
    let of = |key: Value| listed.iter().find(|letter| letter["key"] == key).unwrap();
    let spring = of(json!({"bytes": 6, "text": "spring", "hex": null}));
    assert_eq!(
        spring["origin"],
        json!({"topic": "other.topic", "partition": 3, "offset": 77, "timestamp": "2023-11-14T22:13:20.000Z",
            "consumerGroup": "jvm-service"})
    );
    assert_eq!(spring["reason"], "java.net.SocketTimeoutException");
    assert_eq!(spring["message"], "read timed out  at line 1");
    assert_eq!(
        (&spring["sagaId"], &spring["event"]["step"]),
        (&json!("by-spring"), &json!("ORDER_CREATED"))
    );
    let malformed = of(json!({"bytes": 10, "text": null, "hex": "6d616c666f726d656400"}));
    assert_eq!(
        (&malformed["reason"], &malformed["payload"]["bytes"]),
        (&json!("UNKNOWN"), &json!(700_000))
    );
    assert_eq!(malformed["sagaId"], Value::Null);
    let bare = of(Value::Null);
    assert_eq!((&bare["payload"], &bare["headers"]), (&Value::Null, &json!([])));
    assert_eq!(bare["origin"]["topic"], Value::Null);

    let done = server.rest.post(REPLAY, &json!({"filter": {}})).await;
    assert_eq!((&done["successful"], &done["failed"]), (&json!(1), &json!(2)));
    server.rest.saga_with_steps("by-spring", 1).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_reading_and_committing_and_read_from_the_beginning_no_letter_is_doubled() {
    const LETTERS_SENT: i64 = 3_000;
    let harness = Harness::new().await;
    let producer = TestProducer::to(&harness.bootstrap_servers, &harness.dead_letter_topic);
    for number in 0..LETTERS_SENT {
        let origin = with_headers(&[
            (headers::ORIGINAL_TOPIC, Some(harness.topic.as_bytes())),
            (headers::ORIGINAL_PARTITION, Some(&0_i32.to_be_bytes())),
            (headers::ORIGINAL_OFFSET, Some(&number.to_be_bytes())),
        ]);
        // A collector that dies after it publishes a dead letter, and before it commits, publishes it again.
        for _ in 0..1 + number % 2 {
            let record = BaseRecord::<[u8], [u8]>::to(producer.topic());
            producer.send_record(record.payload(b"dead").headers(origin.clone()));
        }
    }
    producer.flush();
    for kill_after in [1, 1_000, 2_000] {
        let mut server = ServerProcess::serve(&harness);
        eventually("letters arrive", async || {
            harness.sql_count(LETTERS).await >= kill_after
        })
        .await;
        server.kill();
    }
    let server = ServerProcess::serve(&harness);
    eventually("all letters are kept", async || {
        harness.sql_count(LETTERS).await == LETTERS_SENT
    })
    .await;
    drop(server);

    // Another group reads everything once more, and is done when it has kept a letter that comes last.
    let mut config = harness.config();
    config.kafka.group = format!("{}-anew", harness.group);
    let server = Running::with(config).await;
    for partition in 0..3 {
        let value = format!("last of {partition}");
        let record = BaseRecord::<[u8], [u8]>::to(producer.topic()).partition(partition);
        producer.send_record(record.payload(value.as_bytes()));
    }
    producer.flush();
    eventually("the last letters are kept", async || {
        harness
            .sql_count("SELECT count(*) FROM dead_letter WHERE value <> 'dead'")
            .await
            == 3
    })
    .await;
    assert_eq!(harness.sql_count(LETTERS).await, LETTERS_SENT + 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_wait_on_their_topic_while_the_database_does_not_take_them() {
    let harness = Harness::new().await;
    harness.sql("ALTER TABLE dead_letter RENAME TO away").await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    producer.send_raw(None, b"no event");
    producer.send(&event("healthy", 0, steps::ORDER_CREATED, SagaStatus::Started));
    producer.flush();
    // A page of the saga would ask for dead letters, too.
    let stored = "SELECT count(*) FROM saga_steps WHERE saga_id = 'healthy'";
    eventually("the event beside it is stored", async || {
        harness.sql_count(stored).await == 1
    })
    .await;
    assert_eq!(harness.dead_letters(1).await.len(), 1);
    assert_eq!(server.rest.get(LIST).await.0, 503);
    harness.sql("ALTER TABLE away RENAME TO dead_letter").await;
    assert_eq!(letters(&server, 1).await[0]["reason"], "UNKNOWN_FRAMING");
    server.stop().await;
}
