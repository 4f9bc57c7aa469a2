//! What the demo's services need of the process around them.

use std::{net::SocketAddr, path::Path};

use saga_sdk::SagaConfig;
use shop::{KafkaConfig, Platform, ServiceConfig};

/// Where the services record and talk to each other, and keep their data.
pub(super) struct Surroundings<'a> {
    /// Where the collector's REST answers.
    pub(super) url: &'a str,
    pub(super) bootstrap_servers: &'a str,
    pub(super) topic: &'a str,
    pub(super) folder: &'a Path,
}

impl Surroundings<'_> {
    /// Of clients that record.
    pub(super) fn saga(&self) -> SagaConfig {
        SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(self.bootstrap_servers)
            .topic(self.topic)
    }

    /// Of one of them.
    pub(super) fn config<S>(&self, name: &str, settings: S) -> shop::Config<S> {
        let saga = self.saga().service_name(name);
        shop::Config {
            service: ServiceConfig {
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                database: self.folder.join(format!("{name}.db")),
            },
            kafka: KafkaConfig {
                bootstrap_servers: self.bootstrap_servers.to_owned(),
                group: name.to_owned(),
                topics: shop::Topics::default(),
                relay_interval_ms: 200,
                properties: [("topic.metadata.refresh.interval.ms".to_owned(), "1000".to_owned())].into(),
            },
            settings,
            platform: Platform { saga },
        }
    }
}
