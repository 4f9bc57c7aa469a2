//! The collector's configuration: one resolved, checked [`Config`] out of file, environment and flags.
//!
//! | part | what |
//! | --- | --- |
//! | `settings` | every key; `auth`, `oidc`, `security`, `gateway`, `sources`, `retention`, `pages`, `owners`, `webhooks`, `redaction`, `telemetry` have those of a subject, with their checks |
//! | `file`, `layers` | files, profiles, environment and flags, one above the other |
//! | `names` | the names of the keys in each of them |
//! | `resolve`, `checks`, `database` | from settings to a checked configuration |
//! | `definitions` | the definitions that are configured |
//! | `period`, `property` | values as people write them |
//! | `show`, `error` | the configuration as text, and why one is refused |
//!
//! Rule of thumb: a [`Config`] need not be checked again. A key stands in one place only, the fields of
//! [`Settings`]; its default stands in [`resolve`](Settings::resolve), beside the check it must pass.

mod auth;
mod checks;
mod database;
mod definitions;
mod error;
mod file;
mod gateway;
mod layers;
mod names;
mod oidc;
mod owners;
mod pages;
mod period;
mod property;
mod redaction;
mod resolve;
mod retention;
mod security;
mod settings;
mod show;
mod sources;
mod telemetry;
mod webhooks;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use saga_collector::{
    ingest::{IngestConfig, RegistryConfig},
    kafka::KafkaConfig,
    maintenance::{RetentionConfig, WatchConfig},
    redaction::Redaction,
    secret::Secret,
    telemetry::{LogConfig, TelemetryConfig},
    webhooks::WebhookConfig,
};
use saga_gateway::GatewayConfig;
use saga_web::{
    PagesConfig,
    auth::{Access, oidc::OidcConfig},
};

pub(crate) use auth::check_token;
pub use auth::{AuthSettings, TokenSetting};
pub use definitions::load_definitions;
pub use error::ConfigError;
pub(crate) use file::{load as load_file, parse as parse_yaml};
pub use gateway::GatewaySettings;
pub use layers::ConfigArgs;
pub(crate) use names::check_process_environment;
pub use names::{Key, check_environment, explain, keys};
pub use oidc::OidcSettings;
pub use owners::{ContactSetting, OwnerSetting};
pub use pages::{EnvironmentSetting, PagesSettings};
pub use period::Period;
pub use property::Property;
pub use redaction::RedactionSettings;
pub use retention::{ArchiveSettings, RetentionSettings};
pub use security::SecuritySettings;
pub use settings::{
    DatabaseSettings, IngestSettings, KafkaSettings, LogSettings, RegistrySettings, Settings, WatchSettings,
};
pub use show::{NOT_SET, REQUIRED, defaults};
pub use sources::{SourceConfig, SourceEntry, SourceSetting};
pub use telemetry::TelemetrySettings;
pub use webhooks::WebhookSetting;

/// The whole configuration of a running collector.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where HTTP is answered.
    pub listen: SocketAddr,
    /// Whether callers beyond this machine may read without a token.
    pub allow_unauthenticated: bool,
    /// Who may call.
    pub access: Access,
    /// The issuer whose tokens are taken.
    pub oidc: Option<OidcConfig>,
    /// The keys of metadata whose values are hidden.
    pub redaction: Redaction,
    /// The database.
    pub database: DatabaseConfig,
    /// The broker.
    pub kafka: KafkaConfig,
    /// The registry with the schemas of writers that use one; without it only single objects are read.
    pub schema_registry: Option<RegistryConfig>,
    /// How events are taken over HTTP.
    pub gateway: GatewayConfig,
    /// Topics that exist already, whose records become events.
    pub sources: Vec<SourceConfig>,
    /// How events are taken in.
    pub ingest: IngestConfig,
    /// How long sagas stay in the database, and where they go.
    pub retention: RetentionConfig,
    /// When sagas are late.
    pub watch: WatchConfig,
    /// What the pages link to.
    pub pages: PagesConfig,
    /// Who is sent what happens to sagas.
    pub webhooks: Vec<WebhookConfig>,
    /// Folders of definitions that add to the built-in ones and to those of the folders before, or replace them.
    pub definitions_dirs: Vec<PathBuf>,
    /// How long a shutdown may take until what is left is abandoned.
    pub shutdown_timeout: Duration,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where the collector's own traces go.
    pub telemetry: Option<TelemetryConfig>,
}

/// The configuration of a gateway that runs alone: it needs no database.
#[derive(Debug, Clone)]
pub struct GatewayServerConfig {
    /// Where HTTP is answered.
    pub listen: SocketAddr,
    /// Who may call.
    pub access: Access,
    /// The broker.
    pub kafka: KafkaConfig,
    /// The registry with the schemas of sources.
    pub schema_registry: Option<RegistryConfig>,
    /// How events are taken.
    pub gateway: GatewayConfig,
    /// Topics that exist already, whose records become events.
    pub sources: Vec<SourceConfig>,
    /// After how long offsets that cannot be read are skipped; never when none.
    pub skip_unreadable_after: Option<Duration>,
    /// How long a shutdown may take until what is left is abandoned.
    pub shutdown_timeout: Duration,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where its own traces go.
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
