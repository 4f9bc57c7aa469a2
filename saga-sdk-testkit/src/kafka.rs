//! A broker inside the test: librdkafka's mock cluster.
//!
//! It speaks Kafka's protocol, and is not Kafka. What matters is tested on a real broker too.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    mocking::MockCluster,
    producer::{BaseProducer, DefaultProducerContext, Producer as _},
    types::RDKafkaRespErr,
};
use rdkafka_sys as sys;
use saga_sdk::SagaConfig;
use saga_types::{avro, definition::Definitions, topic};

use crate::Recorded;

/// Its only broker.
const BROKER: i32 = 1;

/// Why an embedded Kafka cannot start: no port, no thread, or a topic name that it does not take.
#[derive(Debug)]
pub struct EmbeddedKafkaError(String);

impl std::fmt::Display for EmbeddedKafkaError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for EmbeddedKafkaError {}

impl From<KafkaError> for EmbeddedKafkaError {
    fn from(error: KafkaError) -> Self {
        Self(error.to_string())
    }
}

/// An embedded Kafka with the tracker's topic, in memory, on a loopback port of its own; it ends with the value.
///
/// Keeps [`PARTITION_MIB`](Self::PARTITION_MIB) MiB, about 12,000 events, for each of the three partitions; then the
/// oldest vanish without a word. Clients in other processes and languages can connect too.
///
/// ```
/// use std::time::Duration;
/// use saga_sdk::{SagaType, steps};
/// use saga_sdk_testkit::{EmbeddedKafka, expect};
///
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// let kafka = EmbeddedKafka::start();
/// let tracker = saga_sdk::connect(&kafka.config("order-service"))?;
/// let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
/// saga.start(steps::ORDER_CREATED).record().await?;
/// assert!(tracker.close(Duration::from_secs(5)).await.is_complete());
///
/// let recorded = kafka.read(1, Duration::from_secs(10));
/// recorded.assert_saga("saga-1").recorded(expect::started(steps::ORDER_CREATED)).nothing_else();
/// # Ok(())
/// # }
/// ```
pub struct EmbeddedKafka {
    // The cluster belongs to a client, and dies with it.
    client: BaseProducer,
    bootstrap_servers: String,
}

impl EmbeddedKafka {
    /// How much a partition holds, in MiB.
    pub const PARTITION_MIB: u32 = 5;

    /// Starts it, with the topic `c4ang.saga.tracker`.
    ///
    /// # Panics
    ///
    /// When the machine has no port or no thread left for it.
    #[must_use]
    pub fn start() -> Self {
        Self::with_topics(&[topic::DEFAULT_TOPIC]).expect("an embedded Kafka can be started")
    }

    /// Starts it with these topics, of three partitions each.
    ///
    /// # Errors
    ///
    /// [`EmbeddedKafkaError`] when the machine has no port or no thread left for it, or a name is not a topic's.
    pub fn with_topics(topics: &[&str]) -> Result<Self, EmbeddedKafkaError> {
        let client: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            // Only this client would log the cluster's own address lists.
            .set("log_level", "3")
            .create()?;
        let cluster = client
            .client()
            .mock_cluster()
            .ok_or_else(|| EmbeddedKafkaError("this librdkafka has no mock cluster".to_owned()))?;
        for topic in topics {
            cluster.create_topic(topic, topic::PARTITIONS, 1)?;
        }
        let bootstrap_servers = cluster.bootstrap_servers();
        drop(cluster);
        join_groups_at_once(&client);
        Ok(Self {
            client,
            bootstrap_servers,
        })
    }

    /// Its address, such as `127.0.0.1:40123`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// An enabled configuration of a service that writes to it.
    #[must_use]
    pub fn config(&self, service: &str) -> SagaConfig {
        SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(self.bootstrap_servers())
            .service_name(service)
    }

    /// Refuses a topic, as a broker does that does not create topics on demand.
    ///
    /// # Panics
    ///
    /// When it is not a topic's name.
    pub fn refuse_topic(&self, topic: &str) {
        let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        self.cluster()
            .topic_error(topic, unknown)
            .expect("the name is a topic's");
    }

    /// Stops the broker; clients keep what they have.
    ///
    /// # Panics
    ///
    /// When librdkafka refuses.
    pub fn stop_broker(&self) {
        self.cluster()
            .broker_down(BROKER)
            .expect("the broker can be stopped");
    }

    /// Starts the broker again.
    ///
    /// # Panics
    ///
    /// When librdkafka refuses.
    pub fn start_broker(&self) {
        self.cluster()
            .broker_up(BROKER)
            .expect("the broker can be started");
    }

    fn cluster(&self) -> MockCluster<'_, DefaultProducerContext> {
        let cluster = self.client.client().mock_cluster();
        cluster.expect("the cluster lives as long as its client")
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
        let deadline = Instant::now() + within.min(crate::LONGEST_WAIT);
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

/// The mock lets a new group wait three seconds for further members, of which there are none.
#[expect(unsafe_code, reason = "the setting is only in librdkafka's C interface")]
fn join_groups_at_once(client: &BaseProducer) {
    // SAFETY: the client is alive for the whole call, and so is the cluster that it owns; the function only stores the
    // number in the cluster.
    unsafe {
        let cluster = sys::rd_kafka_handle_mock_cluster(client.client().native_ptr());
        if !cluster.is_null() {
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
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
