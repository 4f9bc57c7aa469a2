//! How a service is configured: `application.yml`, below the profile's file, below a few variables.

use std::{
    collections::BTreeMap,
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use rdkafka::ClientConfig;
use saga_sdk::{ConfigLoader, SagaConfig};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::Topics;

/// The variables, and the keys that they set.
const VARIABLES: [(&str, [&str; 2]); 3] = [
    ("SERVICE_LISTEN", ["service", "listen"]),
    ("SERVICE_DATABASE", ["service", "database"]),
    ("KAFKA_BOOTSTRAP_SERVERS", ["kafka", "bootstrapServers"]),
];

/// The configuration of a service, with its own settings `S` under `settings`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config<S> {
    /// Where it listens, and keeps its data.
    pub service: ServiceConfig,
    /// How it talks to the other services.
    pub kafka: KafkaConfig,
    /// What only this service knows.
    pub settings: S,
    /// What every service of the company has.
    #[serde(default)]
    pub platform: Platform,
}

/// The keys under `service`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Address and port of HTTP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The SQLite file.
    pub database: PathBuf,
}

/// The keys under `kafka`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KafkaConfig {
    /// The brokers, `host:port` joined by commas.
    pub bootstrap_servers: String,
    /// The consumer group, shared by all instances of the service.
    pub group: String,
    /// The topics of the domain events.
    #[serde(default)]
    pub topics: Topics,
    /// How often the outbox is looked through, in milliseconds.
    #[serde(default = "default_relay_interval_ms")]
    pub relay_interval_ms: u64,
    /// Further properties of librdkafka.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

const fn default_relay_interval_ms() -> u64 {
    20
}

impl KafkaConfig {
    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap_servers);
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        client
    }
}

/// The keys under `platform`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// The tracker's; `saga-sdk` documents them.
    #[serde(default)]
    pub saga: SagaConfig,
}

/// Why the configuration is not usable.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file is not YAML.
    #[error("{}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        problem: String,
    },
    /// A key is missing, unknown, or has a value that cannot be used.
    #[error("configuration: {0}")]
    Invalid(#[from] serde_json::Error),
    /// A key of the tracker's.
    #[error(transparent)]
    Saga(#[from] saga_sdk::ConfigError),
}

/// Reads the folder's `application.yml` and, with the variable `PLATFORM_PROFILE`, `application-{profile}.yml`; then
/// `SERVICE_LISTEN`, `SERVICE_DATABASE`, `KAFKA_BOOTSTRAP_SERVERS` and the variables of `saga-sdk`.
///
/// # Errors
///
/// [`ConfigError`], naming the file or the key.
pub fn load<S: DeserializeOwned>(folder: &Path) -> Result<Config<S>, ConfigError> {
    let profile = env::var("PLATFORM_PROFILE")
        .ok()
        .filter(|profile| !profile.is_empty());
    let mut merged = read(&folder.join("application.yml"))?;
    if let Some(profile) = profile {
        merge(
            &mut merged,
            read(&folder.join(format!("application-{profile}.yml")))?,
        );
    }
    for (variable, [section, key]) in VARIABLES {
        if let Ok(value) = env::var(variable) {
            merge(&mut merged, serde_json::json!({ section: { key: value } }));
        }
    }
    let mut config: Config<S> = serde_json::from_value(merged)?;
    // The SDK knows its own variables.
    config.platform.saga = ConfigLoader::new().folder(folder).load()?;
    // One Kafka for both, unless the tracker's is said to be another one.
    config
        .platform
        .saga
        .bootstrap_servers
        .get_or_insert_with(|| config.kafka.bootstrap_servers.clone());
    Ok(config)
}

fn read(path: &Path) -> Result<Value, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let tree: Option<Value> = serde_saphyr::from_str(&text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    Ok(tree.unwrap_or_else(|| Value::Object(Map::new())))
}

/// Maps are merged key by key; anything else is replaced.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}
