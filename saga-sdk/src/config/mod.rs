//! What a service configures, below `platform.saga` in its own configuration.
//!
//! Nothing that was written is ignored. Unknown keys, bad values and options that this build cannot
//! honour are errors that name the key.

mod error;
mod keys;
mod load;
mod notes;
mod oauth;
mod origin;
mod placeholders;
mod secret;
mod setters;
mod spelling;
mod tree;
mod values;
mod yaml;

use std::{collections::BTreeMap, time::Duration};

use saga_types::topic::DEFAULT_TOPIC;
use serde::{Deserialize, Serialize};

pub use error::ConfigError;
pub use keys::{KEYS, Key};
pub use load::ConfigLoader;
pub use oauth::OAuthToken;
pub(crate) use oauth::TokenProvider;
pub(crate) use origin::Origin;
pub use secret::Secret;

/// Everything that can be configured. The table in the [crate's docs](crate) lists keys, variables and defaults.
///
/// Keys may be written in camel, kebab or snake case, flags and numbers as texts too. What is serialized is for showing it:
/// secrets and the values of `properties` are left out.
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SagaConfig {
    /// Whether steps are recorded. Only `true` connects; unset is off.
    #[serde(deserialize_with = "values::optional_flag")]
    pub enabled: Option<bool>,
    /// The topic that events are written to.
    pub topic: String,
    /// Kafka's addresses, `host:port` joined by commas. Needed when enabled.
    #[serde(alias = "bootstrap_servers", alias = "bootstrap-servers")]
    pub bootstrap_servers: Option<String>,
    /// The name of the service: `producerService` of its events. Needed when enabled.
    #[serde(alias = "service_name", alias = "service-name")]
    pub service_name: Option<String>,
    /// The version of the service: `serviceVersion` of its events. When not set, the variable `SERVICE_VERSION`, else
    /// `service.version` of `OTEL_RESOURCE_ATTRIBUTES`.
    #[serde(alias = "service_version", alias = "service-version")]
    pub service_version: Option<String>,
    /// Whether record calls wait for the broker.
    pub mode: PublishMode,
    /// How long a record call waits for the broker in synchronous mode.
    #[serde(
        deserialize_with = "values::duration",
        serialize_with = "values::duration_text"
    )]
    #[serde(alias = "sync_timeout", alias = "sync-timeout")]
    pub sync_timeout: Duration,
    /// How long an event is retried in asynchronous mode before it is dropped.
    #[serde(
        deserialize_with = "values::duration",
        serialize_with = "values::duration_text"
    )]
    #[serde(alias = "delivery_timeout", alias = "delivery-timeout")]
    pub delivery_timeout: Duration,
    /// How long an event waits for others to share a batch with.
    #[serde(
        deserialize_with = "values::duration",
        serialize_with = "values::duration_text"
    )]
    pub linger: Duration,
    /// How batches are compressed.
    pub compression: Compression,
    /// How much is kept while Kafka is unavailable.
    pub buffer: BufferConfig,
    /// Where schemas are registered.
    #[serde(alias = "schema_registry", alias = "schema-registry")]
    pub schema_registry: SchemaRegistryConfig,
    /// Encryption and authentication.
    pub security: SecurityConfig,
    /// Further properties of librdkafka, passed on as they are. Those that the SDK's promises rest on are refused.
    #[serde(
        deserialize_with = "values::properties",
        serialize_with = "values::property_names"
    )]
    pub properties: Properties,
    #[serde(skip)]
    pub(crate) origin: Origin,
    /// Only by [`oauth_token`](Self::oauth_token): no key.
    #[serde(skip)]
    pub(crate) tokens: Option<TokenProvider>,
}

/// Whether a record call waits for the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishMode {
    /// Returns at once and never slows the service down. What cannot be kept is dropped and counted.
    #[default]
    Asynchronous,
    /// Returns when the broker has acknowledged the event, or with an error.
    Synchronous,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    /// Zstandard.
    Zstd,
}

/// How much is kept while Kafka is unavailable. What comes on top is dropped and counted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct BufferConfig {
    /// How many events.
    #[serde(deserialize_with = "values::number")]
    #[serde(alias = "max_events", alias = "max-events")]
    pub max_events: u32,
    /// How many bytes of keys and values; librdkafka's bookkeeping adds about 600 bytes an event.
    #[serde(deserialize_with = "values::number")]
    #[serde(alias = "max_bytes", alias = "max-bytes")]
    pub max_bytes: u64,
}

/// Where schemas are registered. Needs the feature `schema-registry`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
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
    #[serde(alias = "auto_register", alias = "auto-register")]
    pub auto_register: bool,
    /// User, if the registry asks for one.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
}

/// Encryption and authentication towards Kafka, passed on to librdkafka.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SecurityConfig {
    /// What is spoken with the broker.
    pub protocol: SecurityProtocol,
    /// How SASL authenticates, such as `PLAIN` or `SCRAM-SHA-512`.
    #[serde(alias = "sasl_mechanism", alias = "sasl-mechanism")]
    pub sasl_mechanism: Option<String>,
    /// SASL user.
    pub username: Option<String>,
    /// SASL password.
    pub password: Option<Secret>,
    /// File or folder of trusted certificates; the system's when not set. A schema registry may be known to the file or to
    /// the system.
    #[serde(alias = "ca_location", alias = "ca-location")]
    pub ca_location: Option<String>,
    /// File of the client's certificate.
    #[serde(alias = "certificate_location", alias = "certificate-location")]
    pub certificate_location: Option<String>,
    /// File of the client's private key.
    #[serde(alias = "key_location", alias = "key-location")]
    pub key_location: Option<String>,
    /// Password of the private key.
    #[serde(alias = "key_password", alias = "key-password")]
    pub key_password: Option<Secret>,
}

/// What is spoken with the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

values::names! {
    PublishMode { "asynchronous" => Asynchronous, "synchronous" => Synchronous }
    Compression { "none" => None, "gzip" => Gzip, "snappy" => Snappy, "lz4" => Lz4, "zstd" => Zstd }
    SecurityProtocol {
        "PLAINTEXT" => Plaintext, "SSL" => Ssl, "SASL_PLAINTEXT" => SaslPlaintext, "SASL_SSL" => SaslSsl
    }
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
            service_version: None,
            mode: PublishMode::default(),
            sync_timeout: Duration::from_secs(5),
            delivery_timeout: Duration::from_secs(5 * 60),
            linger: Duration::from_millis(5),
            compression: Compression::default(),
            buffer: BufferConfig::default(),
            schema_registry: SchemaRegistryConfig::default(),
            security: SecurityConfig::default(),
            properties: Properties::default(),
            tokens: None,
            origin: Origin::default(),
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

    /// Every text, with its key below `platform.saga`.
    fn texts(&self) -> impl Iterator<Item = (String, &str)> {
        let (registry, security) = (&self.schema_registry, &self.security);
        let named = [
            ("topic", Some(self.topic.as_str())),
            ("bootstrapServers", self.bootstrap_servers.as_deref()),
            ("serviceName", self.service_name.as_deref()),
            ("serviceVersion", self.service_version.as_deref()),
            ("schemaRegistry.url", registry.url.as_deref()),
            ("schemaRegistry.username", registry.username.as_deref()),
            (
                "schemaRegistry.password",
                registry.password.as_ref().map(Secret::expose),
            ),
            ("security.saslMechanism", security.sasl_mechanism.as_deref()),
            ("security.username", security.username.as_deref()),
            (
                "security.password",
                security.password.as_ref().map(Secret::expose),
            ),
            ("security.caLocation", security.ca_location.as_deref()),
            (
                "security.certificateLocation",
                security.certificate_location.as_deref(),
            ),
            ("security.keyLocation", security.key_location.as_deref()),
            (
                "security.keyPassword",
                security.key_password.as_ref().map(Secret::expose),
            ),
        ];
        let named = named
            .into_iter()
            .filter_map(|(key, text)| Some((key.to_owned(), text?)));
        let properties = self.properties.0.iter();
        named.chain(properties.map(|(name, text)| (format!("properties.{name}"), text.as_str())))
    }

    /// A key whose placeholder, such as `${KAFKA}`, was not filled, and the placeholder's name.
    pub(crate) fn unfilled_placeholder(&self) -> Option<(String, String)> {
        self.texts()
            .find_map(|(key, text)| Some((key, placeholders::unfilled(text)?.to_owned())))
    }

    /// The service's version: as configured, else that of the process's environment.
    #[cfg(any(feature = "kafka", feature = "outbox-postgres", feature = "outbox-sqlite"))]
    pub(crate) fn resolved_service_version(&self) -> Option<String> {
        let configured = self.service_version.clone();
        configured.or_else(|| load::service_version(|name| std::env::var(name).ok()))
    }
}
