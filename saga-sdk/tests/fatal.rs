//! A producer that failed permanently is replaced, and its events are sent by the next one. On librdkafka's mock cluster,
//! whose broker answers as one that has lost a producer's sequence.
#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    thread,
    time::Duration,
};

use rdkafka::{
    Message as _,
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use saga_sdk::{PublishMode, SagaConfig, SagaTrackerClient, SagaType, steps};
use saga_types::avro;
use support::{consumer, wait_until};

const TOPIC: &str = "sagas";
const CLOSE: Duration = Duration::from_secs(30);
const OUT_OF_ORDER: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;

struct Harness {
    cluster: MockCluster<'static, DefaultProducerContext>,
    config: SagaConfig,
}

impl Harness {
    fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, 3, 1).unwrap();
        let config = SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(cluster.bootstrap_servers())
            .service_name("order-service")
            .topic(TOPIC);
        Self { cluster, config }
    }

    /// The next so many requests of a kind fail.
    fn fail(&self, requests: usize, kind: RDKafkaApiKey, error: RDKafkaRespErr) {
        self.cluster.request_errors(kind, &vec![error; requests]);
    }

    /// The numbers of each saga's events, at the first coming of each.
    fn first_deliveries(&self, events: usize) -> BTreeMap<String, Vec<u64>> {
        let consumer = consumer(&self.cluster.bootstrap_servers(), TOPIC);
        let (mut seen, mut sagas) = (HashSet::new(), BTreeMap::<_, Vec<_>>::new());
        while seen.len() < events {
            let record = consumer.poll(Duration::from_secs(60));
            let record = record.expect("a record within a minute").unwrap();
            let event = avro::decode_single_object(record.payload().unwrap()).unwrap();
            if seen.insert(event.event_id) {
                let number = event.metadata.unwrap().to_object()["number"].as_u64().unwrap();
                sagas.entry(event.saga_id.to_string()).or_default().push(number);
            }
        }
        sagas
    }
}

fn record(tracker: &Arc<dyn SagaTrackerClient>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        for saga in 0..5 {
            let saga = tracker
                .order(1)
                .saga(SagaType::ORDER_CREATION, format!("saga-{saga}"));
            let step = saga.progress(steps::STOCK_RESERVATION).with("number", number);
            drop(step.record());
        }
    }
}

#[tokio::test]
async fn events_of_a_producer_that_failed_for_good_are_sent_by_the_next_one_in_order() {
    let harness = Harness::new();
    let tracker = saga_sdk::connect(&harness.config).unwrap();
    record(&tracker, 0..20);
    wait_until(&tracker, |stats| stats.acknowledged == 100);

    harness.fail(1, RDKafkaApiKey::Produce, OUT_OF_ORDER);
    // Some of these are with the producer that fails, some come while it is replaced, some go to the next one.
    for round in 1..=20 {
        record(&tracker, round * 20..(round + 1) * 20);
        thread::sleep(Duration::from_millis(10));
    }
    let stats = wait_until(&tracker, |stats| stats.pending == 0);
    assert_eq!((stats.acknowledged, stats.dropped()), (2_100, 0), "{stats:?}");
    assert!(tracker.close(CLOSE).await.is_complete());
    let sagas = harness.first_deliveries(2_100);
    for (saga, numbers) in sagas {
        assert_eq!(numbers, (0..420).collect::<Vec<_>>(), "{saga}");
    }
}

#[tokio::test]
async fn an_idle_client_recovers_after_repeated_failures() {
    let harness = Harness::new();
    harness.fail(
        4,
        RDKafkaApiKey::InitProducerId,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
    );
    let tracker = saga_sdk::connect(&harness.config).unwrap();
    record(&tracker, 0..10);
    let stats = wait_until(&tracker, |stats| stats.pending == 0);
    assert_eq!((stats.acknowledged, stats.dropped()), (50, 0), "{stats:?}");
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn a_synchronous_record_of_a_failed_producer_gets_the_next_ones_acknowledgement() {
    let harness = Harness::new();
    let tracker = saga_sdk::connect(&harness.config.clone().mode(PublishMode::Synchronous)).unwrap();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    harness.fail(1, RDKafkaApiKey::Produce, OUT_OF_ORDER);
    saga.complete(steps::ORDER_CONFIRMED).record().await.unwrap();
    assert_eq!(tracker.stats().acknowledged, 2);
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test]
async fn a_client_that_never_recovers_keeps_to_its_bounds_and_closes() {
    let mut harness = Harness::new();
    harness.config.buffer.max_events = 100;
    harness.fail(
        1_000,
        RDKafkaApiKey::InitProducerId,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
    );
    let tracker = saga_sdk::connect(&harness.config).unwrap();
    record(&tracker, 0..100);
    let stats = wait_until(&tracker, |stats| stats.pending <= 100);
    assert_eq!(stats.recorded, 500);
    let left = tracker.close(Duration::from_millis(100)).await.left;
    let stats = wait_until(&tracker, |stats| stats.pending == 0);
    assert_eq!(stats.dropped(), 500, "{left} were left: {stats:?}");
}
