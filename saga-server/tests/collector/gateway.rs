//! Events over HTTP, through a real broker, to their sagas.

use std::sync::Arc;

use saga_types::avro::{self, Framing, SchemaVersion};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    other_languages::python_program,
    support::{
        Harness, Rest, eventually,
        process::{ServerProcess, free_port},
        running::Running,
        stack::Stack,
    },
};

const PATH: &str = "/api/v1/events";

fn event(saga: usize, step: &str, status: &str) -> Value {
    json!({
        "eventId": format!("event-{saga}-{step}"), "sagaId": format!("saga-{saga}"), "sagaType": "ORDER_CREATION",
        "step": step, "status": status, "orderId": format!("order-{saga}"), "recordedAt": 1_760_000_000_000_i64,
        "metadata": {"producerService": "order-service", "amount": 12.50},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_over_http_is_on_the_topic_as_the_sdk_writes_it() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let sent = event(1, "ORDER_CREATED", "STARTED");
    let (status, answer) = server.rest.try_post(PATH, &sent).await.unwrap();
    assert_eq!((status, &answer["accepted"]), (202, &json!(1)), "{answer}");
    // Again: the same record, and nothing more in the saga.
    assert_eq!(server.rest.try_post(PATH, &sent).await.unwrap().0, 202);
    let second = event(1, "STOCK_RESERVED", "COMPLETED");
    assert_eq!(server.rest.try_post(PATH, &second).await.unwrap().0, 202);
    let saga = server.rest.saga_with_steps("saga-1", 2).await;
    assert_eq!(saga["services"], json!(["order-service"]));

    let records = harness.records(&harness.topic, 3).await;
    let expected = avro::encode(
        &serde_json::from_value(sent).unwrap(),
        SchemaVersion::V2,
        Framing::SingleObject,
    );
    let expected = expected.unwrap();
    assert_eq!(records.len(), 3);
    for record in &records[..2] {
        assert_eq!(record.key.as_deref(), Some(b"saga-1".as_slice()));
        assert_eq!(record.value.as_deref(), Some(expected.as_slice()));
        assert_eq!(record.text("saga-producer"), "order-service");
        assert!(
            record
                .headers
                .iter()
                .all(|(name, _)| name != "saga-producer-instance")
        );
    }
    server.stop().await;
}

/// A client that sends each of its batches until all of it was accepted, as the answers ask it to.
async fn send(rest: &Rest, client: usize, batches: usize, accepted: &Mutex<Vec<String>>) {
    for batch in 0..batches {
        let events: Vec<Value> = (0..10)
            .map(|n| event((client * batches + batch) * 10 + n, "ORDER_CREATED", "STARTED"))
            .collect();
        let body = Value::Array(events);
        loop {
            let answer = rest.try_post(PATH, &body).await;
            let status = answer.as_ref().map_or(0, |(status, _)| *status);
            if let Some((_, answer)) = answer {
                let results = answer["results"].as_array().cloned().unwrap_or_default();
                let ids = results
                    .iter()
                    .filter(|result| result["outcome"] == "ACCEPTED")
                    .map(|result| result["eventId"].as_str().unwrap().to_owned());
                accepted.lock().await.extend(ids);
            }
            match status {
                202 => break,
                0 | 429 | 503 => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                other => panic!("{other}"),
            }
        }
    }
}

const CLIENTS: usize = 4;
const BATCHES: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_stored_once_whatever_is_killed() {
    let stack = Stack::up(None);
    let harness = Harness::on_stack(&stack).await;
    let server = Running::on(&harness).await;
    let port = free_port();
    let mut gateway = ServerProcess::gateway(&harness, port);
    gateway.rest.wait_until_ready().await;

    let accepted = Arc::new(Mutex::new(Vec::new()));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (rest, accepted) = (gateway.rest.clone(), accepted.clone());
            tokio::spawn(async move { send(&rest, client, BATCHES, &accepted).await })
        })
        .collect();
    let total = CLIENTS * BATCHES * 10;
    let some_more = async |part: usize| {
        let wanted = accepted.lock().await.len().max(total * part / 8);
        eventually("more is accepted", async || accepted.lock().await.len() > wanted).await;
    };
    some_more(1).await;
    gateway.kill();
    gateway = ServerProcess::gateway(&harness, port);
    some_more(2).await;
    stack.parts(&["kill", "kafka"]);
    let (status, answer) = gateway
        .rest
        .try_post(PATH, &event(total, "ORDER_CREATED", "STARTED"))
        .await
        .unwrap();
    assert_eq!(
        (status, &answer["error"]),
        (503, &json!("SERVICE_UNAVAILABLE")),
        "{answer}"
    );
    stack.parts(&["start", "kafka"]);
    some_more(4).await;
    gateway.kill();
    gateway = ServerProcess::gateway(&harness, port);
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(gateway.terminate(), Some(0));

    // The event that was not acknowledged may be stored, too.
    let mut accepted = accepted.lock().await.clone();
    accepted.sort();
    accepted.dedup();
    assert_eq!(accepted.len(), total);
    let count = async || harness.sql_count("SELECT count(*) FROM saga_steps").await;
    let expected = i64::try_from(total).unwrap();
    eventually("all is stored", async || count().await >= expected).await;
    assert!(count().await <= expected + 1);
    let double = "SELECT count(*) - count(DISTINCT event_id) FROM saga_steps";
    assert_eq!(harness.sql_count(double).await, 0);
    assert!(harness.dead_letters(0).await.is_empty());
    server.stop().await;
}

/// A library of the CloudEvents project, which knows nothing of Saga Tracker.
#[tokio::test(flavor = "multi_thread")]
async fn the_library_of_cloud_events_writes_in_three_modes() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let mut program = python_program("python/cloud_events.py");
    program.args(["--url", &format!("{}{PATH}", server.rest.base())]);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap())
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let saga = server.rest.saga_with_steps("cloud-1", 3).await;
    assert_eq!(saga["orderId"], "order-1");
    assert_eq!(harness.records(&harness.topic, 4).await.len(), 4);
    server.stop().await;
}
