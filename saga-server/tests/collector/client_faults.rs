//! What librdkafka does not recover from by itself: on its mock cluster, which can be set to answer as a broker does that has just
//! come back.

use std::time::Duration;

use crate::support::{
    Rest, TestProducer,
    events::{saga, success},
    eventually,
    running::Running,
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use saga_collector::secret::Secret;
use saga_server::config::{Config, Settings};
use tempfile::TempDir;

const TOPIC: &str = "sagas";
const DEAD_LETTER_TOPIC: &str = "sagas.dlt";
const GROUP: &str = "tracker";
const PARTITIONS: i32 = 3;

/// A collector with SQLite, and a broker that answers as it is set to.
struct Stage {
    cluster: MockCluster<'static, DefaultProducerContext>,
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in [TOPIC, DEAD_LETTER_TOPIC] {
            cluster.create_topic(topic, PARTITIONS, 1).unwrap();
        }
        Self {
            cluster,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn config(&self) -> Config {
        let mut settings = Settings {
            listen: "127.0.0.1:0".parse().ok(),
            ..Settings::default()
        };
        let file = self.folder.path().join("sagas.db");
        settings.database.url = Some(Secret::new(format!("sqlite://{}", file.display())));
        settings.kafka.bootstrap_servers = Some(self.cluster.bootstrap_servers());
        settings.kafka.topic = Some(TOPIC.to_owned());
        settings.kafka.dead_letter_topic = Some(DEAD_LETTER_TOPIC.to_owned());
        settings.kafka.group = Some(GROUP.to_owned());
        settings.resolve().unwrap()
    }

    async fn run(&self) -> Running {
        let config = self.config();
        crate::support::open(config.database.url.expose()).await;
        Running::with(config).await
    }

    fn producer(&self) -> TestProducer {
        TestProducer::to(&self.cluster.bootstrap_servers(), TOPIC)
    }

    /// How the next requests of a kind are answered.
    fn answer(&self, kind: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.cluster.request_errors(kind, errors);
    }

    /// How many records of the topic the group has committed.
    async fn committed(&self) -> i64 {
        let servers = self.cluster.bootstrap_servers();
        tokio::task::spawn_blocking(move || committed(&servers))
            .await
            .unwrap()
    }
}

fn committed(bootstrap_servers: &str) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", GROUP)
        .create()
        .unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_range(TOPIC, 0, PARTITIONS - 1);
    let offsets = consumer
        .committed_offsets(partitions, Duration::from_secs(30))
        .unwrap();
    let committed = offsets.elements();
    committed
        .iter()
        .map(|partition| match partition.offset() {
            Offset::Offset(offset) => offset,
            _ => 0,
        })
        .sum()
}

fn send(producer: &TestProducer, sagas: std::ops::Range<usize>) {
    for number in sagas {
        let events = saga(&format!("saga-{number}"), &success());
        events.iter().for_each(|event| producer.send(event));
    }
    producer.flush();
}

async fn is_stored(rest: &Rest, saga_id: &str) {
    let path = format!("/api/v1/sagas/{saga_id}");
    rest.wait_for(&path, "COMPLETED", |_, saga| saga["currentStatus"] == "COMPLETED")
        .await;
}

/// The client asks once for the offsets to begin at; after such an answer it never asks again, and never reads.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_the_client_never_starts_to_read_are_read_by_a_new_one() {
    let stage = Stage::new();
    send(&stage.producer(), 0..30);
    // One for the topic's consumer and one for that of the dead letters.
    let not_coordinator = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
    stage.answer(RDKafkaApiKey::OffsetFetch, &[not_coordinator; 2]);
    let server = stage.run().await;
    for number in 0..30 {
        is_stored(&server.rest, &format!("saga-{number}")).await;
    }
    let (_, metrics) = server.rest.get("/metrics").await;
    let replaced = metrics.as_str().unwrap().lines().find_map(|line| {
        line.strip_prefix("saga_tracker_kafka_clients_replaced_total ")?
            .parse::<u32>()
            .ok()
    });
    assert!(replaced.is_some_and(|replaced| replaced > 0), "{metrics}");

    send(&stage.producer(), 30..60);
    for number in 30..60 {
        is_stored(&server.rest, &format!("saga-{number}")).await;
    }
    server.stop().await;
}

/// Without further events no later commit makes it good.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_in_a_rebalance_is_made_again() {
    let stage = Stage::new();
    let server = stage.run().await;
    let rebalancing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    stage.answer(RDKafkaApiKey::OffsetCommit, &[rebalancing; 2]);
    send(&stage.producer(), 0..1);
    is_stored(&server.rest, "saga-0").await;
    let expected = i64::try_from(success().len()).unwrap();
    eventually("everything is committed", async || {
        stage.committed().await == expected
    })
    .await;
    server.stop().await;
}

/// A broker that lost count of the producer's records ends it permanently.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_written_by_a_new_producer_when_the_one_before_failed_for_good() {
    let stage = Stage::new();
    let server = stage.run().await;
    let producer = stage.producer();
    let out_of_order = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    let fine = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    for (round, answers) in [(1, vec![]), (2, vec![fine, out_of_order]), (3, vec![])] {
        // The first answer is for the test's own record.
        stage.answer(RDKafkaApiKey::Produce, &answers);
        producer.send_raw(Some(b"bad"), format!("no event, round {round}").as_bytes());
        producer.flush();
        let wanted = round;
        server
            .rest
            .wait_for("/internal/v1/dlt", "the letter is kept", |_, page| {
                page["content"]
                    .as_array()
                    .is_some_and(|letters| letters.len() >= wanted)
            })
            .await;
    }
    server.stop().await;
}
