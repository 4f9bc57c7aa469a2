//! What the collector was told: one resolved, checked [`Config`] out of file, environment and flags.
//!
//! Rule of thumb: whoever holds a [`Config`] need not check it again. A key stands in one place only, the fields of
//! [`Settings`]; its default stands in [`resolve`](Settings::resolve), beside the check it must pass.

mod auth;
mod checks;
mod database;
mod file;
mod kafka;
mod merge;
mod names;
mod oidc;
mod pages;
mod period;
mod redaction;
mod resolve;
mod retention;
mod secret;
mod security;
mod settings;
mod show;
mod telemetry;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::ValueEnum;
use serde::Deserialize;
use thiserror::Error;

use crate::{
    auth::{Access, oidc::OidcConfig},
    redaction::Redaction,
};

pub use auth::{AuthSettings, TokenSetting};
pub use kafka::{ClientCertificate, KafkaConfig, KafkaSecurity, SaslMechanism, SecurityProtocol};
pub use names::{Key, check_environment, keys};
pub use oidc::OidcSettings;
pub use pages::{PagesConfig, PagesSettings};
pub use period::Period;
pub use redaction::RedactionSettings;
pub use retention::{ArchiveSettings, RetentionConfig, RetentionSettings};
pub use secret::Secret;
pub use settings::{
    ConfigArgs, DatabaseSettings, IngestSettings, KafkaSettings, LogSettings, Property, RegistrySettings,
    SecuritySettings, Settings, WatchSettings,
};
pub use show::{NOT_SET, REQUIRED, defaults};
pub use telemetry::{TelemetryConfig, TelemetrySettings};

/// Everything a running collector was told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where HTTP is answered.
    pub listen: SocketAddr,
    /// Whether it was said in words that others than this machine may read without a token.
    pub allow_unauthenticated: bool,
    /// Who may call.
    pub access: Access,
    /// The issuer whose tokens are taken.
    pub oidc: Option<OidcConfig>,
    /// What of the metadata nobody is shown.
    pub redaction: Redaction,
    /// The database.
    pub database: DatabaseConfig,
    /// The broker.
    pub kafka: KafkaConfig,
    /// The registry with the schemas of writers that use one; without it only single objects are read.
    pub schema_registry: Option<RegistryConfig>,
    /// How events are taken in.
    pub ingest: IngestConfig,
    /// How long sagas stay in the database, and where they go.
    pub retention: RetentionConfig,
    /// When sagas are late.
    pub watch: WatchConfig,
    /// What the pages know of their surroundings.
    pub pages: PagesConfig,
    /// A folder of definitions that add to the built-in ones, or replace them.
    pub definitions_dir: Option<PathBuf>,
    /// How long a shutdown may take until what is left is abandoned.
    pub shutdown_timeout: Duration,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where the collector's own traces go.
    pub telemetry: Option<TelemetryConfig>,
}

/// The database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `postgres://…`, `postgresql://…` or `sqlite:PATH`; may hold a password.
    pub url: Secret,
    /// The most connections to it.
    pub max_connections: u32,
}

/// A schema registry that answers as Confluent's does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Its address, up to where `/schemas/ids` follows; may hold a user and a password.
    pub url: Secret,
    /// The certificates that vouch for it; none for the system's.
    pub ca_file: Option<PathBuf>,
}

/// How events are taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestConfig {
    /// The most events of one batch.
    pub batch_size: usize,
    /// How long a batch waits to fill up.
    pub batch_wait: Duration,
    /// How many transactions store events at the same time.
    pub writers: usize,
}

/// When sagas are late, beside the limits of their definitions, and when events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchConfig {
    /// How long a failed saga may wait for its compensation.
    pub compensation_overdue_after: Duration,
    /// How long an event of a producer may be missing until it is possibly lost.
    pub events_lost_after: Duration,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The form of a line.
    pub format: LogFormat,
    /// The least important level that is logged.
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors of logs.
    Json,
}

impl LogFormat {
    /// As the configuration calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Somebody must act.
    Error,
    /// Somebody should look.
    Warn,
    /// What the collector does.
    Info,
    /// How it does it.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// As the configuration calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Why the collector refuses to start with what it was told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line and key if known, and what it should be.
        reason: String,
    },
    /// A value cannot be used, wherever it came from.
    #[error("{key}: {reason} (set it as {key} in the file, as {variable} or as {flag})")]
    Value {
        /// The key's path, such as `kafka.topic`.
        key: &'static str,
        /// What is wrong, and what it should be.
        reason: String,
        /// The environment variable.
        variable: String,
        /// The flag.
        flag: String,
    },
    /// An environment variable that looks like one of ours, but is none.
    #[error("the environment variable {name} is not known{suggestion}")]
    Variable {
        /// The variable.
        name: String,
        /// `; did you mean …?`, or nothing.
        suggestion: String,
    },
    /// `--profile` without `--config`.
    #[error("a profile needs a configuration file: give --config (or SAGA_SERVER_CONFIG) too")]
    ProfileWithoutFile,
}
