//! What a service configures, below `platform.saga` in its own configuration.
//!
//! Rule of thumb: nothing that was written is ignored. Unknown keys, bad values and options that this build cannot
//! honour are errors that name the key.

mod error;
mod keys;
mod load;
mod secret;
mod values;

use std::{collections::BTreeMap, time::Duration};

use saga_types::topic::DEFAULT_TOPIC;
use serde::Deserialize;

pub use error::ConfigError;
pub use keys::{KEYS, Key};
pub use load::ConfigLoader;
pub use secret::Secret;

/// Everything that can be configured. The table in the [crate's docs](crate) lists keys, variables and defaults.
///
/// Nest it in a service's own configuration, load it with [`ConfigLoader`], or build it:
///
/// ```
/// use saga_sdk::{PublishMode, SagaConfig};
///
/// let config = SagaConfig::default()
///     .enabled(true)
///     .bootstrap_servers("kafka-1:9092,kafka-2:9092")
///     .service_name("order-service")
///     .mode(PublishMode::Synchronous);
/// # assert_eq!(config.topic, "c4ang.saga.tracker");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SagaConfig {
    /// Whether steps are recorded. Only `true` connects; unset is off.
    #[serde(deserialize_with = "values::optional_flag")]
    pub enabled: Option<bool>,
    /// The topic that events are written to.
    pub topic: String,
    /// Kafka's addresses, `host:port` joined by commas. Needed when enabled.
    pub bootstrap_servers: Option<String>,
    /// The name of the service: `producerService` of its events. Needed when enabled.
    pub service_name: Option<String>,
    /// Whether record calls wait for the broker.
    pub mode: PublishMode,
    /// How long a record call waits for the broker in synchronous mode.
    #[serde(deserialize_with = "values::duration")]
    pub sync_timeout: Duration,
    /// How long an event is retried in asynchronous mode before it is dropped.
    #[serde(deserialize_with = "values::duration")]
    pub delivery_timeout: Duration,
    /// How long an event waits for others to share a batch with.
    #[serde(deserialize_with = "values::duration")]
    pub linger: Duration,
    /// How batches are compressed.
    pub compression: Compression,
    /// How much is kept while Kafka is away.
    pub buffer: BufferConfig,
    /// Where schemas are registered.
    pub schema_registry: SchemaRegistryConfig,
    /// Encryption and authentication.
    pub security: SecurityConfig,
    /// Further properties of librdkafka, passed on as they are. Those that the SDK's promises rest on are refused.
    #[serde(deserialize_with = "values::properties")]
    pub properties: Properties,
}

/// Whether a record call waits for the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PublishMode {
    /// Returns at once and never slows the service down. What cannot be kept is dropped and counted.
    #[default]
    Asynchronous,
    /// Returns when the broker has acknowledged the event, or with an error.
    Synchronous,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard; librdkafka must have been built with it.
    Zstd,
}

/// How much is kept while Kafka is away. What comes on top is dropped and counted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct BufferConfig {
    /// How many events.
    pub max_events: u32,
    /// How many bytes of keys and values; librdkafka's own notes add about 600 bytes an event.
    pub max_bytes: u64,
}

/// Where schemas are registered. Needs the feature `schema-registry`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SchemaRegistryConfig {
    /// The registry's address, as Confluent's answers. Without one, events need no registry to be read.
    pub url: Option<String>,
    /// Whether the schema is registered when the registry does not have it; otherwise events wait until it is.
    ///
    /// Off unless wanted, other than in Confluent's clients: a service that is rolled out should not be what changes a
    /// contract between teams.
    #[serde(deserialize_with = "values::flag")]
    pub auto_register: bool,
    /// User, if the registry asks for one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
}

/// Encryption and authentication towards Kafka, passed on to librdkafka.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SecurityConfig {
    /// What is spoken with the broker.
    pub protocol: SecurityProtocol,
    /// How SASL authenticates, such as `PLAIN` or `SCRAM-SHA-512`.
    pub sasl_mechanism: Option<String>,
    /// SASL user.
    pub username: Option<String>,
    /// SASL password.
    pub password: Option<Secret>,
    /// File or folder of trusted certificates; the system's when not set. A schema registry may be known to the file or to
    /// the system.
    pub ca_location: Option<String>,
    /// File of the client's certificate.
    pub certificate_location: Option<String>,
    /// File of the client's private key.
    pub key_location: Option<String>,
    /// Password of the private key.
    pub key_password: Option<Secret>,
}

/// What is spoken with the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL, not encrypted.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Whether the connection is encrypted.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// The name in Kafka's configuration, such as `SASL_SSL`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

/// Free properties of librdkafka. `Debug` shows their names only, since any of them may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(pub BTreeMap<String, String>);

impl std::fmt::Debug for Properties {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// An address with a user in it is refused when connecting, and may be shown before.
impl std::fmt::Debug for SchemaRegistryConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.url.as_deref().map(|url| match url.rsplit_once('@') {
            Some((_, place)) => format!("***@{place}"),
            None => url.to_owned(),
        });
        formatter
            .debug_struct("SchemaRegistryConfig")
            .field("url", &url)
            .field("auto_register", &self.auto_register)
            .field("username", &self.username)
            .field("password", &self.password)
            .finish()
    }
}

impl Default for SagaConfig {
    fn default() -> Self {
        Self {
            enabled: None,
            topic: DEFAULT_TOPIC.to_owned(),
            bootstrap_servers: None,
            service_name: None,
            mode: PublishMode::default(),
            sync_timeout: Duration::from_secs(5),
            delivery_timeout: Duration::from_mins(5),
            linger: Duration::from_millis(5),
            compression: Compression::default(),
            buffer: BufferConfig::default(),
            schema_registry: SchemaRegistryConfig::default(),
            security: SecurityConfig::default(),
            properties: Properties::default(),
        }
    }
}

impl Default for BufferConfig {
    fn default() -> Self {
        Self {
            max_events: 50_000,
            max_bytes: 32 * 1024 * 1024,
        }
    }
}

impl SagaConfig {
    /// Whether the tracker is on: only when `enabled` is `true`.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled == Some(true)
    }

    /// Turns the tracker on or off.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = Some(enabled);
        self
    }

    /// Sets the topic.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = topic.into();
        self
    }

    /// Sets Kafka's addresses.
    #[must_use]
    pub fn bootstrap_servers(mut self, addresses: impl Into<String>) -> Self {
        self.bootstrap_servers = Some(addresses.into());
        self
    }

    /// Sets the service's name.
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Sets the publish mode.
    #[must_use]
    pub fn mode(mut self, mode: PublishMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets a further property of librdkafka.
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.0.insert(name.into(), value.into());
        self
    }
}
