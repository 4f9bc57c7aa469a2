//! A batch that was damaged on the broker's disk, on a stack of its own.

use std::process::Stdio;

use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer},
};
use saga_types::{
    SagaStatus,
    avro::{self, Framing, SchemaVersion},
    steps,
    topic::dead_letter_headers,
};

use crate::support::{Harness, TIMEOUT, damage::damage, events::event, process::ServerProcess, stack::Stack};

/// Writes events of these sagas to a partition, as one batch.
fn send(harness: &Harness, partition: i32, saga_ids: &[&str]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &harness.bootstrap_servers)
        .set("linger.ms", "500")
        .create()
        .unwrap();
    for saga_id in saga_ids {
        let event = event(saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started);
        let value = avro::encode(&event, SchemaVersion::V2, Framing::SingleObject).unwrap();
        let record = BaseRecord::to(&harness.topic).key(*saga_id).payload(&value);
        producer
            .send(record.partition(partition))
            .map_err(|(error, _)| error)
            .unwrap();
    }
    producer.flush(TIMEOUT).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_batch_is_reported_and_passed_only_when_a_setting_says_so() {
    let stack = Stack::up(None);
    let harness = Harness::on_stack(&stack).await;
    send(&harness, 0, &["before"]);
    send(&harness, 0, &["damaged-1", "damaged-2", "damaged-3"]);
    send(&harness, 0, &["behind"]);
    let partition = format!("{}-0", harness.topic);
    damage(&stack.folder(), &partition, "damaged-2").unwrap();

    let mut server = ServerProcess::serve(&harness);
    let health = server
        .rest
        .wait_for("/health", "ingest names the offsets", |_, health| {
            let reason = health["components"]["ingest"]["reason"].as_str();
            reason.is_some_and(|reason| reason.contains("cannot be read"))
        })
        .await;
    let reason = health["components"]["ingest"]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("offsets 1 to 3 of partition 0 cannot be read"),
        "{reason}"
    );
    send(&harness, 1, &["elsewhere"]);
    server.rest.saga_with_steps("before", 1).await;
    server.rest.saga_with_steps("elsewhere", 1).await;
    assert_eq!(
        server.rest.get("/api/v1/sagas/behind").await.0,
        404,
        "nothing is passed"
    );
    assert_eq!(server.terminate(), Some(0));

    let skip = [("SAGA_SERVER_INGEST_SKIP_UNREADABLE_AFTER", "1s")];
    let server = ServerProcess::serve_with(&harness, &skip, Stdio::inherit());
    server.rest.saga_with_steps("behind", 1).await;
    server.rest.wait_until_ready().await;
    let letters = harness.dead_letters(1).await;
    assert_eq!(letters.len(), 1);
    let kind = letters[0].text(dead_letter_headers::EXCEPTION_FQCN);
    assert_eq!(kind, "saga.tracker.UNREADABLE_BATCH");
    let reason = letters[0].text(dead_letter_headers::EXCEPTION_MESSAGE);
    assert!(reason.starts_with("offsets 1 to 3 "), "{reason}");
    let offset = letters[0].header(dead_letter_headers::ORIGINAL_OFFSET);
    assert_eq!(offset, 1_i64.to_be_bytes());
}
