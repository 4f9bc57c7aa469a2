//! A broker inside the process: librdkafka's mock cluster, which speaks Kafka's protocol on a loopback port.
//!
//! It is for trying things out. It keeps everything in memory, 5 MiB for each partition (about 12,000 events), after
//! which the oldest records vanish without a word; it has no disk, no security and no quotas.

use rdkafka::{
    ClientConfig,
    error::KafkaError,
    producer::{BaseProducer, Producer},
    util::get_rdkafka_version,
};
use rdkafka_sys as sys;

/// How much a partition holds, in MiB.
pub const PARTITION_MIB: u32 = 5;

/// A broker that lives as long as this value.
pub struct EmbeddedBroker {
    // The cluster belongs to a client, and dies with it.
    client: BaseProducer,
    bootstrap_servers: String,
}

impl EmbeddedBroker {
    /// Starts a broker on a free loopback port.
    ///
    /// # Errors
    ///
    /// [`KafkaError`] when the client library cannot start it.
    pub fn start() -> Result<Self, KafkaError> {
        let client: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            // Only this client would log the cluster's own address lists.
            .set("log_level", "3")
            .create()?;
        let cluster = client.client().mock_cluster().ok_or_else(|| {
            KafkaError::ClientCreation(format!(
                "librdkafka {} has no mock cluster",
                get_rdkafka_version().1
            ))
        })?;
        let bootstrap_servers = cluster.bootstrap_servers();
        drop(cluster);
        join_groups_at_once(&client);
        Ok(Self {
            client,
            bootstrap_servers,
        })
    }

    /// Makes a topic; one that is there already stays as it is.
    ///
    /// # Errors
    ///
    /// [`KafkaError`] when the broker refuses the name or the number of partitions.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), KafkaError> {
        match self.client.client().mock_cluster() {
            Some(cluster) => cluster.create_topic(name, partitions, 1),
            None => Err(KafkaError::ClientCreation(
                "the embedded broker is gone".to_owned(),
            )),
        }
    }

    /// The address for clients, in this process and in others, such as `127.0.0.1:40123`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
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
