//! One layer of configuration: what a file, the environment or the flags say, and nothing else.
//!
//! The same structs are read by clap (flags and environment) and by serde (files). The id of each argument is the key's
//! path in the file.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, str::FromStr};

use clap::Args;
use serde::{Deserialize, Deserializer};

use super::{
    ArchiveSettings, AuthSettings, ConfigError, PagesSettings, Period, RedactionSettings, RetentionSettings,
    Settings as Layer, TelemetrySettings, check_environment,
};
use saga_collector::{
    kafka::{SaslMechanism, SecurityProtocol},
    secret::Secret,
    telemetry::{LogFormat, LogLevel},
};

/// Where the configuration comes from: a file, below the environment, below flags.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// A configuration file (YAML)
    #[arg(long, value_name = "FILE", env = "SAGA_SERVER_CONFIG")]
    pub config: Option<PathBuf>,

    /// The name of a profile: with FILE.yml, FILE-PROFILE.yml is read too and outweighs it
    #[arg(long, value_name = "PROFILE", env = "SAGA_SERVER_PROFILE")]
    pub profile: Option<String>,

    #[command(flatten)]
    settings: Settings,
}

impl ConfigArgs {
    /// All layers, the heaviest winning.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a file cannot be read, or a key or variable is not known.
    pub fn load(&self) -> Result<Layer, ConfigError> {
        check_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
        let file = super::file::load(self.config.as_deref(), self.profile.as_deref())?;
        Ok(self.settings.clone().or(file))
    }
}

/// Every key of the collector.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Where HTTP is answered: address and port
    #[arg(id = "listen", long, value_name = "ADDRESS", env = "SAGA_SERVER_LISTEN")]
    pub listen: Option<SocketAddr>,

    /// Let other machines read without a token, when there are no tokens
    #[arg(
        id = "allowUnauthenticated", long = "allow-unauthenticated", value_name = "BOOL",
        env = "SAGA_SERVER_ALLOW_UNAUTHENTICATED", num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub allow_unauthenticated: Option<bool>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub auth: AuthSettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub redaction: RedactionSettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub database: DatabaseSettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub kafka: KafkaSettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub schema_registry: RegistrySettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub ingest: IngestSettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub retention: RetentionSettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub archive: ArchiveSettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub watch: WatchSettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub pages: PagesSettings,

    /// A folder of saga definitions (*.yml) that add to the built-in ones, or replace them
    #[arg(
        id = "definitionsDir",
        long = "definitions",
        value_name = "DIR",
        env = "SAGA_SERVER_DEFINITIONS_DIR"
    )]
    pub definitions_dir: Option<PathBuf>,

    /// How long a shutdown may take; 1s to 10min
    #[arg(
        id = "shutdownTimeout",
        long = "shutdown-timeout",
        value_name = "PERIOD",
        env = "SAGA_SERVER_SHUTDOWN_TIMEOUT"
    )]
    pub shutdown_timeout: Option<Period>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub log: LogSettings,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub telemetry: TelemetrySettings,
}

/// Keys under `database`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// The database: postgres://USER:PASSWORD@HOST/NAME or sqlite:PATH
    #[arg(
        id = "database.url",
        long = "database-url",
        value_name = "URL",
        env = "DATABASE_URL"
    )]
    pub url: Option<Secret>,

    /// The most connections to the database; 2 to 1000
    #[arg(
        id = "database.maxConnections",
        long = "database-max-connections",
        value_name = "NUMBER",
        env = "SAGA_SERVER_DATABASE_MAX_CONNECTIONS"
    )]
    pub max_connections: Option<u32>,
}

/// Keys under `kafka`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KafkaSettings {
    /// The brokers to ask first: HOST:PORT, several with commas between
    #[arg(
        id = "kafka.bootstrapServers",
        long = "kafka-bootstrap-servers",
        value_name = "SERVERS",
        env = "KAFKA_BOOTSTRAP_SERVERS"
    )]
    pub bootstrap_servers: Option<String>,

    /// The topic with the events
    #[arg(
        id = "kafka.topic",
        long = "kafka-topic",
        value_name = "TOPIC",
        env = "SAGA_SERVER_KAFKA_TOPIC"
    )]
    pub topic: Option<String>,

    /// The topic for events that cannot be stored
    #[arg(
        id = "kafka.deadLetterTopic",
        long = "kafka-dead-letter-topic",
        value_name = "TOPIC",
        env = "SAGA_SERVER_KAFKA_DEAD_LETTER_TOPIC"
    )]
    pub dead_letter_topic: Option<String>,

    /// The consumer group, shared by all instances of one collector
    #[arg(
        id = "kafka.group",
        long = "kafka-group",
        value_name = "GROUP",
        env = "SAGA_SERVER_KAFKA_GROUP"
    )]
    pub group: Option<String>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    pub security: SecuritySettings,

    /// Further properties of librdkafka: NAME=VALUE, several with semicolons between; a map in the file
    #[arg(
        id = "kafka.properties",
        long = "kafka-property",
        value_name = "NAME=VALUE",
        env = "SAGA_SERVER_KAFKA_PROPERTIES",
        value_delimiter = ';'
    )]
    #[serde(deserialize_with = "properties_of_a_map")]
    pub properties: Vec<Property>,
}

/// Keys under `kafka.security`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecuritySettings {
    /// How the brokers are reached
    #[arg(
        id = "kafka.security.protocol",
        long = "kafka-security-protocol",
        value_name = "PROTOCOL",
        env = "SAGA_SERVER_KAFKA_SECURITY_PROTOCOL"
    )]
    pub protocol: Option<SecurityProtocol>,

    /// The certificates (PEM) that vouch for the brokers; the system's when not given
    #[arg(
        id = "kafka.security.caFile",
        long = "kafka-ca-file",
        value_name = "FILE",
        env = "SAGA_SERVER_KAFKA_SECURITY_CA_FILE"
    )]
    pub ca_file: Option<PathBuf>,

    /// The certificate (PEM) that the collector shows to the brokers
    #[arg(
        id = "kafka.security.certificateFile",
        long = "kafka-certificate-file",
        value_name = "FILE",
        env = "SAGA_SERVER_KAFKA_SECURITY_CERTIFICATE_FILE"
    )]
    pub certificate_file: Option<PathBuf>,

    /// The private key (PEM) of that certificate
    #[arg(
        id = "kafka.security.keyFile",
        long = "kafka-key-file",
        value_name = "FILE",
        env = "SAGA_SERVER_KAFKA_SECURITY_KEY_FILE"
    )]
    pub key_file: Option<PathBuf>,

    /// The password of the key's file; better set by the environment
    #[arg(
        id = "kafka.security.keyPassword",
        long = "kafka-key-password",
        value_name = "PASSWORD",
        env = "SAGA_SERVER_KAFKA_SECURITY_KEY_PASSWORD"
    )]
    pub key_password: Option<Secret>,

    /// How the collector proves who it is
    #[arg(
        id = "kafka.security.mechanism",
        long = "kafka-sasl-mechanism",
        value_name = "MECHANISM",
        env = "SAGA_SERVER_KAFKA_SECURITY_MECHANISM"
    )]
    pub mechanism: Option<SaslMechanism>,

    /// The user that SASL names
    #[arg(
        id = "kafka.security.username",
        long = "kafka-sasl-username",
        value_name = "NAME",
        env = "SAGA_SERVER_KAFKA_SECURITY_USERNAME"
    )]
    pub username: Option<String>,

    /// The user's password; better set by the environment, since flags are seen by all users of the machine
    #[arg(
        id = "kafka.security.password",
        long = "kafka-sasl-password",
        value_name = "PASSWORD",
        env = "SAGA_SERVER_KAFKA_SECURITY_PASSWORD"
    )]
    pub password: Option<Secret>,
}

/// Keys under `schemaRegistry`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RegistrySettings {
    /// The schema registry of the writers that use one, as Confluent's answers: http://HOST:PORT or https://HOST:PORT
    #[arg(
        id = "schemaRegistry.url",
        long = "schema-registry-url",
        value_name = "URL",
        env = "SCHEMA_REGISTRY_URL"
    )]
    pub url: Option<Secret>,

    /// The certificates (PEM) that vouch for an https registry; the system's when not given
    #[arg(
        id = "schemaRegistry.caFile",
        long = "schema-registry-ca-file",
        value_name = "FILE",
        env = "SAGA_SERVER_SCHEMA_REGISTRY_CA_FILE"
    )]
    pub ca_file: Option<PathBuf>,
}

/// Keys under `ingest`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IngestSettings {
    /// The most events stored in one transaction; 1 to 10000
    #[arg(
        id = "ingest.batchSize",
        long = "ingest-batch-size",
        value_name = "NUMBER",
        env = "SAGA_SERVER_INGEST_BATCH_SIZE"
    )]
    pub batch_size: Option<usize>,

    /// How long a batch waits to fill up; 1ms to 10s
    #[arg(
        id = "ingest.batchWait",
        long = "ingest-batch-wait",
        value_name = "PERIOD",
        env = "SAGA_SERVER_INGEST_BATCH_WAIT"
    )]
    pub batch_wait: Option<Period>,

    /// How many transactions store events at the same time; 1 to 16
    #[arg(
        id = "ingest.writers",
        long = "ingest-writers",
        value_name = "NUMBER",
        env = "SAGA_SERVER_INGEST_WRITERS"
    )]
    pub writers: Option<usize>,
}

/// Keys under `watch`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WatchSettings {
    /// How long a failed saga may wait for its compensation until it is overdue; 1s to 7days
    #[arg(
        id = "watch.compensationOverdueAfter",
        long = "watch-compensation-overdue-after",
        value_name = "PERIOD",
        env = "SAGA_SERVER_WATCH_COMPENSATION_OVERDUE_AFTER"
    )]
    pub compensation_overdue_after: Option<Period>,

    /// How long an event of a producer may be missing until it is possibly lost; longer than the producers' deliveryTimeout; 1s to 7days
    #[arg(
        id = "watch.eventsLostAfter",
        long = "watch-events-lost-after",
        value_name = "PERIOD",
        env = "SAGA_SERVER_WATCH_EVENTS_LOST_AFTER"
    )]
    pub events_lost_after: Option<Period>,
}

/// Keys under `log`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LogSettings {
    /// The form of a log line
    #[arg(
        id = "log.format",
        long = "log-format",
        value_name = "FORMAT",
        env = "SAGA_SERVER_LOG_FORMAT"
    )]
    pub format: Option<LogFormat>,

    /// The least important level that is logged
    #[arg(
        id = "log.level",
        long = "log-level",
        value_name = "LEVEL",
        env = "SAGA_SERVER_LOG_LEVEL"
    )]
    pub level: Option<LogLevel>,
}

/// A property of librdkafka as a flag gives it. Its value may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    /// Such as `client.rack`.
    pub name: String,
    /// None when there is no `=`.
    pub value: Option<String>,
}

impl std::fmt::Debug for Property {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}=***", self.name)
    }
}

/// Never fails: an error of clap would show the value. What is wrong is found when the layers are resolved.
impl FromStr for Property {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        Ok(Self {
            name: name.trim().to_owned(),
            value,
        })
    }
}

fn properties_of_a_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Property>, D::Error> {
    let map = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(map
        .into_iter()
        .map(|(name, value)| Property {
            name,
            value: Some(value),
        })
        .collect())
}
