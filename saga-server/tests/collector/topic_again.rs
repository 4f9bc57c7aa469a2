//! Topics that are deleted, made again and written at once, before a collector can have noticed: whatever the timing, they are read
//! from their beginning, and what was in work of the topic before is stored.

use std::time::Duration;

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminOptions, NewTopic, TopicReplication},
    consumer::{BaseConsumer, Consumer},
    producer::BaseRecord,
};
use saga_gateway::source::SourceFormat;
use serde_json::json;

use crate::{
    hostile_records::{admin, value},
    sources::{RULES, Sources},
    support::{Harness, TIMEOUT, TestProducer, eventually, running::Running, stack::Stack},
};

const PARTITIONS: i32 = 3;

/// How many records each partition has before, and how many after it was made again: so many that it holds the offset before.
const BEFORE: usize = 30;
const AFTER: usize = 2 * BEFORE;

async fn delete(harness: &Harness, topic: &str) {
    let deleted = admin(harness)
        .delete_topics(&[topic], &AdminOptions::new())
        .await
        .unwrap();
    assert!(deleted[0].is_ok(), "{deleted:?}");
}

async fn create(harness: &Harness, topic: &str) {
    let admin = admin(harness);
    eventually("the topic is made again", async || {
        let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
        let created = admin.create_topics(&[new], &AdminOptions::new()).await.unwrap();
        created[0].is_ok()
    })
    .await;
}

/// Sends so many records to each partition; their keys tell them apart.
fn send(harness: &Harness, topic: &str, name: &str, count: usize, value: impl Fn(&str) -> Vec<u8>) {
    // A producer of its own, which knows nothing of the topic before.
    let producer = TestProducer::to(&harness.bootstrap_servers, topic);
    for partition in 0..PARTITIONS {
        for number in 0..count {
            let key = format!("{name}-{partition}-{number}");
            let value = value(&key);
            let record = BaseRecord::to(topic).key(key.as_bytes()).payload(&value[..]);
            producer.send_record(record.partition(partition));
        }
    }
    producer.flush();
}

fn all(count: usize) -> i64 {
    i64::try_from(count).unwrap() * i64::from(PARTITIONS)
}

const BEFORE_STORED: &str = "SELECT count(*) FROM saga_instance WHERE saga_id LIKE 'before-%'";
const AFTER_STORED: &str = "SELECT count(*) FROM saga_instance WHERE saga_id LIKE 'after-%'";
const LETTERS: &str = "SELECT count(*) FROM dead_letter";

async fn are_stored(harness: &Harness, query: &'static str, count: i64) {
    eventually(query, async || harness.sql_count(query).await == count).await;
}

/// A client that is no member of the group.
fn outsider(harness: &Harness) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", &harness.bootstrap_servers)
        .set("group.id", &harness.group)
        .create()
        .unwrap()
}

fn committed(harness: &Harness) -> TopicPartitionList {
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_range(&harness.topic, 0, PARTITIONS - 1);
    tokio::task::block_in_place(|| outsider(harness).committed_offsets(partitions, TIMEOUT)).unwrap()
}

async fn is_committed(harness: &Harness, offset: usize) {
    let offset = Offset::Offset(i64::try_from(offset).unwrap());
    eventually("everything is committed", async || {
        let committed = committed(harness);
        committed.elements().iter().all(|found| found.offset() == offset)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_again_at_once_is_read_from_its_beginning() {
    for protocol in ["classic", "consumer"] {
        let harness = Harness::new().await;
        let mut config = harness.config();
        let properties = &mut config.kafka.properties;
        properties.insert("group.protocol".to_owned(), protocol.to_owned());
        let server = Running::with(config).await;
        send(&harness, &harness.topic, "before", BEFORE, value);
        are_stored(&harness, BEFORE_STORED, all(BEFORE)).await;
        delete(&harness, &harness.topic).await;
        create(&harness, &harness.topic).await;
        send(&harness, &harness.topic, "after", AFTER, value);
        are_stored(&harness, AFTER_STORED, all(AFTER)).await;
        // So are offsets of the topic that is there now.
        is_committed(&harness, AFTER).await;
        server.rest.wait_until_ready().await;
        let (_, metrics) = server.rest.get("/metrics").await;
        let replaced = "saga_tracker_kafka_clients_replaced_total 0\n";
        assert!(
            metrics.as_str().unwrap().contains(replaced),
            "it is no stall: {metrics}"
        );
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_one_group_each_read_their_part_of_it() {
    let harness = Harness::new().await;
    let first = Running::on(&harness).await;
    let second = Running::on(&harness).await;
    send(&harness, &harness.topic, "before", BEFORE, value);
    are_stored(&harness, BEFORE_STORED, all(BEFORE)).await;
    delete(&harness, &harness.topic).await;
    create(&harness, &harness.topic).await;
    send(&harness, &harness.topic, "after", AFTER, value);
    are_stored(&harness, AFTER_STORED, all(AFTER)).await;
    is_committed(&harness, AFTER).await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_and_records_of_sources_are_read_from_the_beginning_too() {
    let mut sources = Sources::new().await;
    let rules = RULES.replace("DOC", "event");
    let orders = sources.add("orders", SourceFormat::Json, &rules).await;
    let server = sources.start().await;
    let harness = &sources.harness;
    let letters = harness.dead_letter_topic.as_str();
    let order = |order: &str| {
        json!({"type": "OrderPlaced", "order": order})
            .to_string()
            .into_bytes()
    };
    let no_event = |key: &str| key.as_bytes().to_vec();
    send(harness, orders.topic(), "before", BEFORE, order);
    send(harness, letters, "before", BEFORE, no_event);
    are_stored(harness, BEFORE_STORED, all(BEFORE)).await;
    are_stored(harness, LETTERS, all(BEFORE)).await;
    for topic in [orders.topic(), letters] {
        delete(harness, topic).await;
        create(harness, topic).await;
    }
    send(harness, orders.topic(), "after", AFTER, order);
    send(harness, letters, "after", AFTER, no_event);
    are_stored(harness, AFTER_STORED, all(AFTER)).await;
    are_stored(harness, LETTERS, all(BEFORE + AFTER)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_of_a_topic_is_stored_after_the_topic_was_deleted() {
    let stack = Stack::up(None);
    let harness = Harness::on_stack(&stack).await;
    let server = Running::on(&harness).await;
    stack.parts(&["kill", "postgres"]);
    // The first are in work then, the others wait for them.
    for name in ["before-1", "before-2"] {
        send(&harness, &harness.topic, name, BEFORE, value);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    delete(&harness, &harness.topic).await;
    server
        .rest
        .wait_for("/health", "the missing topic is reported", |_, health| {
            let reason = health["components"]["ingest"]["reason"].as_str();
            reason.is_some_and(|reason| reason.contains("does not exist"))
        })
        .await;
    create(&harness, &harness.topic).await;
    send(&harness, &harness.topic, "after", AFTER, value);
    stack.parts(&["start", "postgres"]);
    are_stored(&harness, AFTER_STORED, all(AFTER)).await;
    are_stored(&harness, BEFORE_STORED, all(2 * BEFORE)).await;
    server.stop().await;
}
