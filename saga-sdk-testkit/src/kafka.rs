//! A broker inside the test: librdkafka's mock cluster.
//!
//! Rule of thumb: it speaks Kafka's protocol, and is not Kafka. What matters is tested on a real broker too.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    mocking::MockCluster,
    producer::DefaultProducerContext,
};
use saga_sdk::SagaConfig;
use saga_types::{avro, definition::Definitions, topic};

use crate::Recorded;

/// Its only broker.
const BROKER: i32 = 1;

/// An embedded Kafka with the tracker's topic, in memory, on a loopback port of its own; it ends with the value.
///
/// Keeps about 5 MiB, or 12,000 events, for each of the three partitions; then the oldest vanish.
///
/// ```
/// use std::time::Duration;
/// use saga_sdk::{SagaType, steps};
/// use saga_sdk_testkit::{EmbeddedKafka, expect};
///
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// let kafka = EmbeddedKafka::start();
/// let tracker = saga_sdk::connect(&kafka.config("order-service"))?;
/// let saga = tracker.saga(SagaType::ORDER_CREATION, "saga-1", "order-1");
/// saga.start(steps::ORDER_CREATED).record().await?;
/// assert!(tracker.close(Duration::from_secs(5)).await.is_complete());
///
/// let recorded = kafka.read(1, Duration::from_secs(10));
/// recorded.assert_saga("saga-1").recorded(expect::started(steps::ORDER_CREATED)).nothing_else();
/// # Ok(())
/// # }
/// ```
pub struct EmbeddedKafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedKafka {
    /// Starts it, with the topic `c4ang.saga.tracker`.
    ///
    /// # Panics
    ///
    /// When the machine has no port or no thread left for it.
    #[must_use]
    pub fn start() -> Self {
        let cluster = MockCluster::new(1).expect("an embedded Kafka can be started");
        cluster
            .create_topic(topic::DEFAULT_TOPIC, topic::PARTITIONS, 1)
            .expect("a topic can be created in the embedded Kafka");
        Self { cluster }
    }

    /// Its address.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// An enabled configuration of a service that writes to it.
    #[must_use]
    pub fn config(&self, service: &str) -> SagaConfig {
        SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(self.bootstrap_servers())
            .service_name(service)
    }

    /// Takes the broker away; clients keep what they have.
    ///
    /// # Panics
    ///
    /// When librdkafka refuses.
    pub fn stop_broker(&self) {
        self.cluster
            .broker_down(BROKER)
            .expect("the broker can be stopped");
    }

    /// Brings the broker back.
    ///
    /// # Panics
    ///
    /// When librdkafka refuses.
    pub fn start_broker(&self) {
        self.cluster.broker_up(BROKER).expect("the broker can be started");
    }

    /// Reads from the beginning of the topic until there are so many events, or the time is over, and gives what came:
    /// the events of a saga in their order. Blocks the thread.
    ///
    /// # Panics
    ///
    /// When something on the topic is not an event.
    #[must_use]
    pub fn read(&self, events: usize, within: Duration) -> Recorded {
        let consumer = self.consumer();
        let deadline = Instant::now() + within;
        let mut read = Vec::new();
        while read.len() < events
            && let Some(record) = consumer.poll(deadline.saturating_duration_since(Instant::now()))
        {
            let record = record.expect("the embedded Kafka can be read");
            let value = record.payload().unwrap_or_default();
            read.push(avro::decode_single_object(value).expect("a saga event on the topic"));
        }
        Recorded::join([Recorded::new(read, Definitions::built_in())])
    }

    fn consumer(&self) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bootstrap_servers())
            .set("group.id", "none")
            .set("fetch.wait.max.ms", "10");
        let consumer: BaseConsumer = config.create().expect("a consumer can be made");
        let mut partitions = TopicPartitionList::new();
        for partition in 0..topic::PARTITIONS {
            partitions
                .add_partition_offset(topic::DEFAULT_TOPIC, partition, Offset::Beginning)
                .expect("the beginning is an offset");
        }
        consumer
            .assign(&partitions)
            .expect("the partitions can be assigned");
        consumer
    }
}

impl std::fmt::Debug for EmbeddedKafka {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("EmbeddedKafka")
            .field(&self.bootstrap_servers())
            .finish()
    }
}
