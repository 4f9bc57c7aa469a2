//! A topic for each test, and a reader of it.

use std::{env, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    message::{Headers as _, OwnedMessage},
};
use saga_sdk::{SagaConfig, SagaEvent, SagaTrackerClient};
use saga_types::avro;
use uuid::Uuid;

pub(crate) const PARTITIONS: i32 = 3;
pub(crate) const CLOSE: Duration = Duration::from_secs(10);

/// Where Kafka is.
pub(crate) fn bootstrap_servers() -> String {
    env::var("KAFKA_BOOTSTRAP_SERVERS").unwrap_or_else(|_| {
        panic!("these tests need Kafka: run scripts/parts run kafka -- cargo test -p saga-sdk")
    })
}

/// A topic that only one test uses.
pub(crate) struct Topic {
    pub(crate) name: String,
}

impl Topic {
    pub(crate) async fn create() -> Self {
        Self::create_with(&[]).await
    }

    pub(crate) async fn create_with(settings: &[(&str, &str)]) -> Self {
        let name = format!("saga-sdk-test-{}", Uuid::now_v7());
        let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
        let mut topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let results = admin.create_topics(&[topic], &AdminOptions::new()).await.unwrap();
        results.into_iter().for_each(|result| _ = result.unwrap());
        Self { name }
    }

    pub(crate) async fn delete(&self) {
        let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
        let deleted = admin.delete_topics(&[&self.name], &AdminOptions::new()).await;
        assert!(deleted.unwrap()[0].is_ok());
    }

    /// Makes it after it was deleted, once the broker has finished that.
    pub(crate) async fn create_again(&self) {
        let admin: AdminClient<DefaultClientContext> = client().create().unwrap();
        for _ in 0..300 {
            let topic = NewTopic::new(&self.name, PARTITIONS, TopicReplication::Fixed(1));
            let created = admin.create_topics(&[topic], &AdminOptions::new()).await.unwrap();
            if created[0].is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the topic cannot be made again");
    }

    /// A configuration that writes to this topic.
    pub(crate) fn config(&self) -> SagaConfig {
        SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(bootstrap_servers())
            .service_name("order-service")
            .topic(&self.name)
    }

    pub(crate) fn connect(&self) -> Arc<dyn SagaTrackerClient> {
        saga_sdk::connect(&self.config()).unwrap()
    }

    /// Reads so many records, in the order of each partition.
    pub(crate) fn read(&self, count: usize) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = client().set("group.id", "none").create().unwrap();
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions
                .add_partition_offset(&self.name, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&partitions).unwrap();
        let mut records = Vec::new();
        while records.len() < count {
            let record = consumer.poll(Duration::from_secs(20));
            records.push(record.expect("a record within 20 s").unwrap().detach());
        }
        records
    }
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers());
    config
}

/// The event of a record.
pub(crate) fn event(record: &OwnedMessage) -> SagaEvent {
    avro::decode_single_object(record.payload().unwrap()).unwrap()
}

/// The text of a header.
pub(crate) fn header(record: &OwnedMessage, name: &str) -> Option<String> {
    let header = record.headers()?.iter().find(|header| header.key == name)?;
    Some(String::from_utf8(header.value?.to_vec()).unwrap())
}
