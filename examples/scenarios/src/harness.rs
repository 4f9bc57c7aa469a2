//! What one test has for itself.

use std::path::PathBuf;

use rdkafka::ClientConfig;
use saga_collector::secret::Secret;
use saga_sdk::SagaConfig;
use saga_server::config::{Config, Settings};
use saga_store::StoreOptions;
use serde_json::json;
use shop::{KafkaConfig, Topics};
use tempfile::TempDir;

use crate::fresh::{create_database, create_topics};

/// Topics, groups, a database and a folder for one test alone.
pub struct Harness {
    name: String,
    bootstrap_servers: String,
    database_url: String,
    folder: TempDir,
}

impl Harness {
    /// A new one, on the parts that the environment names.
    pub async fn new() -> Self {
        let name = format!("s{}", uuid::Uuid::now_v7().simple());
        let harness = Self {
            bootstrap_servers: part("KAFKA_BOOTSTRAP_SERVERS"),
            database_url: create_database(&part("DATABASE_URL"), &name).await,
            folder: tempfile::tempdir().unwrap(),
            name,
        };
        let topics = [
            format!("{}.events", harness.name),
            format!("{}.dlt", harness.name),
        ];
        create_topics(&harness.bootstrap_servers, &topics).await;
        harness
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap_servers);
        client
    }

    pub(crate) fn group(&self, service: &str) -> String {
        format!("{}.{service}", self.name)
    }

    /// The configuration of the collector.
    pub(crate) async fn tracker(&self) -> Config {
        let mut settings = Settings {
            listen: "127.0.0.1:0".parse().ok(),
            ..Settings::default()
        };
        settings.database.url = Some(Secret::new(&self.database_url));
        settings.kafka.bootstrap_servers = Some(self.bootstrap_servers.clone());
        settings.kafka.topic = Some(format!("{}.events", self.name));
        settings.kafka.dead_letter_topic = Some(format!("{}.dlt", self.name));
        settings.kafka.group = Some(self.name.clone());
        settings.definitions_dir = Some(self.definitions());
        let config = settings.resolve().unwrap();
        let definitions = saga_types::definition::Definitions::built_in().into();
        let options = StoreOptions {
            definitions,
            max_connections: 2,
        };
        saga_store::connect(config.database.url.expose(), options)
            .await
            .unwrap()
            .migrate()
            .await
            .unwrap();
        config
    }

    /// The folder with the definitions of what is shipped.
    fn definitions(&self) -> PathBuf {
        let folder = self.folder.path().join("definitions");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in fulfilment::DEFINITIONS {
            std::fs::write(folder.join(name), text).unwrap();
        }
        folder
    }

    /// The client of a service: how it records here.
    #[must_use]
    pub fn saga(&self) -> SagaConfig {
        SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(&self.bootstrap_servers)
            .topic(format!("{}.events", self.name))
    }

    /// How a service is configured here: with its own file and group, and the tracker on.
    #[must_use]
    pub fn service<S>(&self, name: &str, settings: S) -> shop::Config<S> {
        let saga = self.saga().service_name(name);
        shop::Config {
            service: shop::ServiceConfig {
                listen: "127.0.0.1:0".parse().unwrap(),
                database: self.folder.path().join(format!("{name}.db")),
            },
            kafka: KafkaConfig {
                bootstrap_servers: self.bootstrap_servers.clone(),
                group: self.group(name),
                topics: self.topics(),
                relay_interval_ms: 20,
                properties: [("topic.metadata.refresh.interval.ms".to_owned(), "1000".to_owned())].into(),
            },
            settings,
            platform: shop::Platform { saga },
        }
    }

    /// The same as [`service`](Self::service) for a process of its own: a folder with an `application.yml`, which is
    /// JSON, and thereby YAML.
    #[must_use]
    pub fn service_folder(
        &self,
        name: &str,
        listen: &str,
        relay_interval_ms: u64,
        settings: serde_json::Value,
    ) -> PathBuf {
        let topics = self.topics();
        let config = json!({
            "service": { "listen": listen, "database": self.folder.path().join(format!("{name}.db")) },
            "kafka": {
                "bootstrapServers": self.bootstrap_servers,
                "group": self.group(name),
                "topics": { "orders": topics.orders, "stock": topics.stock, "payments": topics.payments },
                "relayIntervalMs": relay_interval_ms,
            },
            "settings": settings,
            "platform": { "saga": {
                "enabled": true,
                "topic": format!("{}.events", self.name),
                "serviceName": name,
            } },
        });
        let folder = self.folder.path().join(format!("{name}-{relay_interval_ms}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("application.yml"), config.to_string()).unwrap();
        folder
    }

    pub(crate) fn topics(&self) -> Topics {
        let topic = |suffix: &str| format!("{}.{suffix}", self.name);
        Topics {
            orders: topic("orders"),
            stock: topic("stock"),
            payments: topic("payments"),
        }
    }
}

/// The address of a real part, or how to start it.
fn part(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set. Run: scripts/parts run kafka postgres -- cargo test -p scenarios")
    })
}
