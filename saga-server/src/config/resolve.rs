//! From settings, which may be silent, to a configuration, which is complete and checked.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use saga_types::topic;

use super::{
    Config, ConfigError, DatabaseConfig, GatewayServerConfig, Period, Settings,
    auth::access,
    checks::{
        bootstrap_servers, certificates_are_of_use, is_http, key_at_fault, not_empty, period_within,
        properties, topic_name, within,
    },
    database, owners, retention,
    sources::{self, SourceConfig, Surroundings},
    webhooks,
};
use saga_collector::http_client;
use saga_collector::{
    ingest::{IngestConfig, RegistryConfig},
    kafka::KafkaConfig,
    maintenance::WatchConfig,
    secret::Secret,
    telemetry::{LogConfig, LogFormat, LogLevel},
    webhooks::WebhookConfig,
};
use saga_gateway::GatewayConfig;
use saga_web::PagesConfig;

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8086);
const DEFAULT_GROUP: &str = "saga-tracker-service";

impl Settings {
    /// The whole configuration, with defaults for what is not set.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] with the key's path when a value is missing or cannot be used.
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        let allow_unauthenticated = self.allow_unauthenticated.unwrap_or(false);
        let oidc = self.auth.oidc.resolve()?;
        Ok(Config {
            listen: self.listen(),
            allow_unauthenticated,
            access: access(
                self.auth.tokens()?,
                oidc.clone(),
                self.listen(),
                allow_unauthenticated,
            )?,
            oidc,
            redaction: self.redaction.resolve()?,
            database: self.database()?,
            kafka: self.kafka()?,
            schema_registry: self.schema_registry()?,
            gateway: self.gateway.resolve()?,
            sources: self.sources()?,
            ingest: self.ingest()?,
            retention: self.retention()?,
            watch: self.watch()?,
            pages: self.pages()?,
            webhooks: self.webhooks()?,
            definitions_dirs: self.definitions_dir()?.into_iter().collect(),
            shutdown_timeout: self.shutdown_timeout()?,
            log: self.log(),
            telemetry: self.telemetry.resolve()?,
        })
    }

    /// The configuration of a gateway that runs alone; keys that it does not need are not looked at.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn resolve_gateway(&self) -> Result<GatewayServerConfig, ConfigError> {
        Ok(GatewayServerConfig {
            listen: self.listen(),
            access: access(
                self.auth.tokens()?,
                self.auth.oidc.resolve()?,
                self.listen(),
                self.allow_unauthenticated.unwrap_or(false),
            )?,
            kafka: self.kafka()?,
            schema_registry: self.schema_registry()?,
            gateway: self.gateway.resolve()?,
            sources: self.sources()?,
            skip_unreadable_after: self.ingest()?.skip_unreadable_after,
            shutdown_timeout: self.shutdown_timeout()?,
            log: self.log(),
            telemetry: self.telemetry.resolve()?,
        })
    }

    /// What the pages and webhooks link to, for commands that need no more.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn pages(&self) -> Result<PagesConfig, ConfigError> {
        Ok(PagesConfig {
            owners: owners::resolve(self.owners.as_deref().unwrap_or_default())?,
            ..self.pages.resolve()?
        })
    }

    /// The webhooks alone, for commands that need no more.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn webhooks(&self) -> Result<Vec<WebhookConfig>, ConfigError> {
        webhooks::resolve(self.webhooks.as_deref().unwrap_or_default())
    }

    fn shutdown_timeout(&self) -> Result<Duration, ConfigError> {
        period_within(
            "shutdownTimeout",
            self.shutdown_timeout.unwrap_or(Period(Duration::from_secs(25))),
            Duration::from_secs(1)..=Duration::from_secs(600),
        )
    }

    /// Where HTTP is answered, or would be.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen.unwrap_or(DEFAULT_LISTEN)
    }

    /// The database alone, for commands that need no more.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn database(&self) -> Result<DatabaseConfig, ConfigError> {
        let settings = &self.database;
        let url = settings.url.as_ref().map_or("", Secret::expose);
        let is_known = ["postgres://", "postgresql://", "sqlite:"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if !is_known {
            let found = if url.is_empty() {
                "is not set; it must be"
            } else {
                "must be"
            };
            let reason = format!("{found} postgres://USER:PASSWORD@HOST/NAME or sqlite:PATH");
            return Err(ConfigError::value("database.url", reason));
        }
        database::check_tls(url).map_err(|reason| ConfigError::value("database.url", reason))?;
        Ok(DatabaseConfig {
            url: Secret::new(url),
            max_connections: within(
                "database.maxConnections",
                settings.max_connections.unwrap_or(16),
                2..=1000,
            )?,
        })
    }

    /// The broker alone, for commands that need no more.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn kafka(&self) -> Result<KafkaConfig, ConfigError> {
        let settings = &self.kafka;
        let topic = topic_name("kafka.topic", settings.topic.as_deref(), topic::DEFAULT_TOPIC)?;
        let dead_letter_topic = topic_name(
            "kafka.deadLetterTopic",
            settings.dead_letter_topic.as_deref(),
            topic::DEFAULT_DEAD_LETTER_TOPIC,
        )?;
        if topic == dead_letter_topic {
            return Err(ConfigError::value(
                "kafka.deadLetterTopic",
                "must be another topic than kafka.topic",
            ));
        }
        let config = KafkaConfig {
            bootstrap_servers: bootstrap_servers(settings.bootstrap_servers.as_deref().unwrap_or_default())?,
            topic,
            dead_letter_topic,
            group: not_empty("kafka.group", settings.group.as_deref().unwrap_or(DEFAULT_GROUP))?,
            security: settings.security.resolve()?,
            properties: properties(&settings.properties)?,
        };
        config
            .check()
            .map_err(|reason| ConfigError::value(key_at_fault(&reason), reason))?;
        Ok(config)
    }

    /// Retention and archive alone, for commands that need no more.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn retention(&self) -> Result<saga_collector::maintenance::RetentionConfig, ConfigError> {
        retention::resolve(&self.retention, &self.archive)
    }

    /// What is logged, and how.
    #[must_use]
    pub fn log(&self) -> LogConfig {
        LogConfig {
            format: self.log.format.unwrap_or(LogFormat::Text),
            level: self.log.level.unwrap_or(LogLevel::Info),
        }
    }

    /// The schema registry alone, for commands that need no more.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn schema_registry(&self) -> Result<Option<RegistryConfig>, ConfigError> {
        let ca_file = self.schema_registry.ca_file.clone();
        let url = self.schema_registry.url.as_ref();
        certificates_are_of_use(url.map_or("", Secret::expose), ca_file.as_deref())
            .map_err(|reason| ConfigError::value("schemaRegistry.caFile", reason))?;
        let Some(url) = url else {
            return Ok(None);
        };
        if !is_http(url.expose()) {
            return Err(ConfigError::value(
                "schemaRegistry.url",
                "must be http://HOST:PORT or https://HOST:PORT, with a path if it has one",
            ));
        }
        http_client::client(http_client::Trust::for_url(url.expose(), ca_file.as_deref()))
            .map_err(|error| ConfigError::value("schemaRegistry.caFile", error.to_string()))?;
        Ok(Some(RegistryConfig {
            url: url.clone(),
            ca_file,
        }))
    }

    /// How events are taken over HTTP and mapped, for commands that need no more.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn gateway(&self) -> Result<GatewayConfig, ConfigError> {
        self.gateway.resolve()
    }

    /// The sources alone, for commands that need no more. Without any the broker need not be configured.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn sources(&self) -> Result<Vec<SourceConfig>, ConfigError> {
        if self.sources.as_ref().is_none_or(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let surroundings = Surroundings {
            kafka: &self.kafka()?,
            has_registry: self.schema_registry()?.is_some(),
            mappings_dir: self.gateway.mappings_dir.as_deref(),
        };
        sources::resolve(self.sources.as_deref().unwrap_or_default(), &surroundings)
    }

    fn ingest(&self) -> Result<IngestConfig, ConfigError> {
        let settings = &self.ingest;
        let batch_wait = settings.batch_wait.unwrap_or(Period(Duration::from_millis(50)));
        Ok(IngestConfig {
            batch_size: within(
                "ingest.batchSize",
                settings.batch_size.unwrap_or(10_000),
                1..=10_000,
            )?,
            batch_wait: period_within(
                "ingest.batchWait",
                batch_wait,
                Duration::from_millis(1)..=Duration::from_secs(10),
            )?,
            skip_unreadable_after: settings
                .skip_unreadable_after
                .map(|Period(after)| after)
                .filter(|after| !after.is_zero()),
            writers: within("ingest.writers", settings.writers.unwrap_or(3), 1..=16)?,
        })
    }

    fn watch(&self) -> Result<WatchConfig, ConfigError> {
        const DAY: Duration = Duration::from_secs(86_400);
        let default = Period(Duration::from_secs(300));
        Ok(WatchConfig {
            compensation_overdue_after: period_within(
                "watch.compensationOverdueAfter",
                self.watch.compensation_overdue_after.unwrap_or(default),
                Duration::from_secs(1)..=7 * DAY,
            )?,
            // A minute more than the SDK tries by default to deliver an event.
            events_lost_after: period_within(
                "watch.eventsLostAfter",
                self.watch
                    .events_lost_after
                    .unwrap_or(Period(Duration::from_secs(360))),
                Duration::from_secs(1)..=7 * DAY,
            )?,
        })
    }

    /// The folder of definitions alone, for commands that need nothing else.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] as [`Settings::resolve`].
    pub fn definitions_dir(&self) -> Result<Option<PathBuf>, ConfigError> {
        match &self.definitions_dir {
            Some(folder) if !folder.is_dir() => Err(ConfigError::value(
                "definitionsDir",
                format!("{} is not a folder", folder.display()),
            )),
            folder => Ok(folder.clone()),
        }
    }
}
