//! One layer of configuration: what a file, the environment or the flags say, and nothing else.
//!
//! The same structs are read by clap (flags and environment) and by serde (files), and merged field by field, so that a key
//! stands in one place. The id of each argument is the key's path in the file.
#![expect(
    missing_docs,
    reason = "clap would take the text of a flattened field for the description of the command"
)]

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use clap::Args;
use merge::Merge;
use saga_collector::{
    secret::Secret,
    telemetry::{LogFormat, LogLevel},
};
use serde::{Deserialize, Deserializer};

use super::{
    auth::AuthSettings,
    gateway::GatewaySettings,
    owners::{self, OwnerSetting},
    pages::PagesSettings,
    period::Period,
    property::Property,
    redaction::RedactionSettings,
    retention::{ArchiveSettings, RetentionSettings},
    security::SecuritySettings,
    sources::{self, SourceSetting},
    telemetry::TelemetrySettings,
    webhooks::WebhookSetting,
};

/// Every key of the collector.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = Merge::merge)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Where HTTP is answered: address and port
    #[arg(id = "listen", long, value_name = "ADDRESS", env = "SAGA_SERVER_LISTEN")]
    #[merge(strategy = merge::option::overwrite_none)]
    pub listen: Option<SocketAddr>,

    /// Let other machines read without a token, when there are no tokens
    #[arg(
        id = "allowUnauthenticated", long = "allow-unauthenticated", value_name = "BOOL",
        env = "SAGA_SERVER_ALLOW_UNAUTHENTICATED", num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    #[merge(strategy = merge::option::overwrite_none)]
    pub allow_unauthenticated: Option<bool>,

    #[command(flatten)]
    pub auth: AuthSettings,

    #[command(flatten)]
    pub redaction: RedactionSettings,

    #[command(flatten)]
    pub database: DatabaseSettings,

    #[command(flatten)]
    pub kafka: KafkaSettings,

    #[command(flatten)]
    pub schema_registry: RegistrySettings,

    #[command(flatten)]
    pub gateway: GatewaySettings,

    /// Topics that exist already, whose records become events by the mapping of the name: NAME=TOPIC,FORMAT,GROUP, several with semicolons between; a map in the file
    #[arg(
        id = "sources",
        long = "source",
        value_name = "NAME=TOPIC,FORMAT,GROUP",
        env = "SAGA_SERVER_SOURCES",
        value_delimiter = ';'
    )]
    #[serde(deserialize_with = "sources::of_a_map")]
    #[merge(strategy = merge::option::overwrite_none)]
    pub sources: Option<Vec<SourceSetting>>,

    #[command(flatten)]
    pub ingest: IngestSettings,

    #[command(flatten)]
    pub retention: RetentionSettings,

    #[command(flatten)]
    pub archive: ArchiveSettings,

    #[command(flatten)]
    pub watch: WatchSettings,

    #[command(flatten)]
    pub pages: PagesSettings,

    /// Whom to ask about a service or a saga type: NAME=TEAM,CHANNEL,RUNBOOK, several with semicolons between; a map in the file
    #[arg(
        id = "owners",
        long = "owner",
        value_name = "NAME=TEAM,CHANNEL,RUNBOOK",
        env = "SAGA_SERVER_OWNERS",
        value_delimiter = ';'
    )]
    #[serde(deserialize_with = "owners::of_a_map")]
    #[merge(strategy = merge::option::overwrite_none)]
    pub owners: Option<Vec<OwnerSetting>>,

    /// Who is sent what happens to sagas; a list in the file alone
    #[arg(skip)]
    #[merge(strategy = merge::option::overwrite_none)]
    pub webhooks: Option<Vec<WebhookSetting>>,

    /// A folder of saga definitions (*.yml) that add to the built-in ones, or replace them
    #[arg(
        id = "definitionsDir",
        long = "definitions",
        value_name = "DIR",
        env = "SAGA_SERVER_DEFINITIONS_DIR"
    )]
    #[merge(strategy = merge::option::overwrite_none)]
    pub definitions_dir: Option<PathBuf>,

    /// How long a shutdown may take; 1s to 10min
    #[arg(
        id = "shutdownTimeout",
        long = "shutdown-timeout",
        value_name = "PERIOD",
        env = "SAGA_SERVER_SHUTDOWN_TIMEOUT"
    )]
    #[merge(strategy = merge::option::overwrite_none)]
    pub shutdown_timeout: Option<Period>,

    #[command(flatten)]
    pub log: LogSettings,

    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

/// Keys under `database`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
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
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
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
    #[merge(strategy = Merge::merge)]
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
    #[merge(strategy = append_to_lighter)]
    pub properties: Vec<Property>,
}

/// Keys under `schemaRegistry`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
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
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
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

    /// After how long a batch that cannot be read is skipped, into a dead letter that names its offsets; 0s for never
    #[arg(
        id = "ingest.skipUnreadableAfter",
        long = "ingest-skip-unreadable-after",
        value_name = "PERIOD",
        env = "SAGA_SERVER_INGEST_SKIP_UNREADABLE_AFTER"
    )]
    pub skip_unreadable_after: Option<Period>,

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
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
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
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
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

/// The last of a name wins, so the layer with lower precedence comes first.
fn append_to_lighter(heavier: &mut Vec<Property>, lighter: Vec<Property>) {
    let heavy = std::mem::replace(heavier, lighter);
    heavier.extend(heavy);
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
