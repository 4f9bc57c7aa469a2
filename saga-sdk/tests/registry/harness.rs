//! A broker in this process, a registry stub, and a client between them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rdkafka::{Message as _, mocking::MockCluster, producer::DefaultProducerContext};
use saga_sdk::{SagaConfig, SagaEvent, SagaTrackerClient, SagaType, steps};
use saga_types::avro::{self, Frame, SchemaVersion};

use crate::{
    stub::{Behavior, Stub},
    support::{assert_ready, consumer},
};

pub(crate) const TOPIC: &str = "sagas";
pub(crate) const SAGAS: usize = 5;

pub(crate) struct Harness {
    cluster: MockCluster<'static, DefaultProducerContext>,
    pub(crate) registry: Stub,
    pub(crate) config: SagaConfig,
}

impl Harness {
    pub(crate) fn new(behavior: Behavior) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, 3, 1).unwrap();
        let registry = Stub::new(behavior);
        let mut config = SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(cluster.bootstrap_servers())
            .service_name("order-service")
            .topic(TOPIC);
        config.schema_registry.url = Some(registry.url.clone());
        Self {
            cluster,
            registry,
            config,
        }
    }

    pub(crate) fn connect(&self) -> Arc<dyn SagaTrackerClient> {
        saga_sdk::connect(&self.config).unwrap()
    }

    /// The numbers of each saga's events, and the schema's id in each.
    pub(crate) fn read(&self, events: usize) -> (BTreeMap<String, Vec<u64>>, Vec<u32>) {
        read(&self.cluster.bootstrap_servers(), TOPIC, events)
    }
}

/// Events of several sagas in turn, each numbered from 0 on in its saga.
pub(crate) fn record(tracker: &Arc<dyn SagaTrackerClient>, events: usize) {
    for number in 0..events {
        let saga = tracker
            .order(1)
            .saga(SagaType::ORDER_CREATION, format!("saga-{}", number % SAGAS));
        let step = saga.progress(steps::STOCK_RESERVATION);
        assert_ready(step.with("number", number / SAGAS).record());
    }
}

/// Reads so many events from a topic.
pub(crate) fn read(servers: &str, topic: &str, events: usize) -> (BTreeMap<String, Vec<u64>>, Vec<u32>) {
    let consumer = consumer(servers, topic);
    let (mut sagas, mut ids): (BTreeMap<String, Vec<u64>>, Vec<u32>) = Default::default();
    for _ in 0..events {
        let record = consumer.poll(Duration::from_secs(60));
        let record = record.expect("a record within a minute").unwrap();
        let (event, id) = decode(record.payload().unwrap());
        let number = &event.metadata.unwrap().to_object()["number"];
        sagas
            .entry(event.saga_id.to_string())
            .or_default()
            .push(number.as_u64().unwrap());
        ids.push(id);
    }
    (sagas, ids)
}

fn decode(value: &[u8]) -> (SagaEvent, u32) {
    let Frame::Confluent { schema_id, body } = Frame::parse(value).unwrap() else {
        panic!("not in Confluent's framing: {value:x?}")
    };
    let event = avro::decode(body, &SchemaVersion::V2.into()).unwrap();
    (event, schema_id)
}

/// Every saga has its events, in order.
pub(crate) fn assert_in_order(sagas: &BTreeMap<String, Vec<u64>>, events: usize) {
    assert_eq!(sagas.len(), SAGAS);
    let expected: Vec<u64> = (0..(events / SAGAS) as u64).collect();
    for (saga, numbers) in sagas {
        assert_eq!(numbers, &expected, "{saga}");
    }
}
