//! From settings, which may be silent, to a configuration, which is complete and checked.

use std::{collections::BTreeMap, net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use saga_types::topic;

use super::{
    Config, ConfigError, DatabaseConfig, IngestConfig, KafkaConfig, KafkaSecurity, LogConfig, LogFormat,
    LogLevel, Period, RegistryConfig, Secret, SecurityProtocol, Settings, settings::Property,
};

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8086);
const DEFAULT_GROUP: &str = "saga-tracker-service";

/// Properties of librdkafka that have keys of their own here, or on which the collector's promises rest.
const RESERVED_PROPERTIES: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "security.protocol",
    "ssl.ca.location",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "partition.assignment.strategy",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "statistics.interval.ms",
];

impl Settings {
    /// The whole configuration, with defaults where nothing was said.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] with the key's path when a value is missing or cannot be used.
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        let allow_unauthenticated = self.allow_unauthenticated.unwrap_or(false);
        Ok(Config {
            listen: checked_listen(self.listen(), allow_unauthenticated)?,
            allow_unauthenticated,
            database: self.database()?,
            kafka: self.kafka()?,
            schema_registry: self.schema_registry()?,
            ingest: self.ingest()?,
            definitions_dir: self.definitions_dir()?,
            shutdown_timeout: period_within(
                "shutdownTimeout",
                self.shutdown_timeout.unwrap_or(Period(Duration::from_secs(25))),
                Duration::from_secs(1)..=Duration::from_secs(600),
            )?,
            log: self.log(),
        })
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
            security: self.security()?,
            properties: properties(&settings.properties)?,
        };
        config
            .check()
            .map_err(|reason| ConfigError::value(key_at_fault(&reason), reason))?;
        Ok(config)
    }

    /// What is logged, and how.
    #[must_use]
    pub fn log(&self) -> LogConfig {
        LogConfig {
            format: self.log.format.unwrap_or(LogFormat::Text),
            level: self.log.level.unwrap_or(LogLevel::Info),
        }
    }

    fn security(&self) -> Result<KafkaSecurity, ConfigError> {
        let settings = &self.kafka.security;
        let protocol = settings.protocol.unwrap_or(SecurityProtocol::Plaintext);
        let given = [
            ("kafka.security.mechanism", settings.mechanism.is_some()),
            ("kafka.security.username", settings.username.is_some()),
            ("kafka.security.password", settings.password.is_some()),
        ];
        if let Some((key, is_given)) = given
            .into_iter()
            .find(|(_, is_given)| *is_given != protocol.has_identity())
        {
            let reason = match is_given {
                true => {
                    "is of use only when kafka.security.protocol is sasl_plaintext or sasl_ssl".to_owned()
                }
                false => format!(
                    "is not set; kafka.security.protocol {} needs it",
                    protocol.as_str()
                ),
            };
            return Err(ConfigError::value(key, reason));
        }
        if let Some(file) = settings.ca_file.as_ref().filter(|file| !file.is_file()) {
            return Err(ConfigError::value(
                "kafka.security.caFile",
                format!("{} is not a file", file.display()),
            ));
        }
        Ok(KafkaSecurity {
            protocol,
            ca_file: settings.ca_file.clone(),
            mechanism: settings.mechanism,
            username: settings.username.clone(),
            password: settings.password.clone(),
        })
    }

    fn schema_registry(&self) -> Result<Option<RegistryConfig>, ConfigError> {
        let Some(url) = &self.schema_registry.url else {
            return Ok(None);
        };
        let is_http =
            reqwest::Url::parse(url.expose()).is_ok_and(|url| url.scheme() == "http" && url.has_host());
        match is_http {
            true => Ok(Some(RegistryConfig { url: url.clone() })),
            false => Err(ConfigError::value(
                "schemaRegistry.url",
                "must be http://HOST:PORT, with a path if it has one",
            )),
        }
    }

    fn ingest(&self) -> Result<IngestConfig, ConfigError> {
        let settings = &self.ingest;
        let batch_wait = settings.batch_wait.unwrap_or(Period(Duration::from_millis(50)));
        Ok(IngestConfig {
            batch_size: within(
                "ingest.batchSize",
                settings.batch_size.unwrap_or(4000),
                1..=10_000,
            )?,
            batch_wait: period_within(
                "ingest.batchWait",
                batch_wait,
                Duration::from_millis(1)..=Duration::from_secs(10),
            )?,
            writers: within("ingest.writers", settings.writers.unwrap_or(2), 1..=16)?,
        })
    }

    fn definitions_dir(&self) -> Result<Option<PathBuf>, ConfigError> {
        match &self.definitions_dir {
            Some(folder) if !folder.is_dir() => Err(ConfigError::value(
                "definitionsDir",
                format!("{} is not a folder", folder.display()),
            )),
            folder => Ok(folder.clone()),
        }
    }
}

fn checked_listen(listen: SocketAddr, allow_unauthenticated: bool) -> Result<SocketAddr, ConfigError> {
    if listen.ip().to_canonical().is_loopback() || allow_unauthenticated {
        return Ok(listen);
    }
    let reason = format!(
        "{listen} can be reached by other machines, and there is no authentication: listen on 127.0.0.1, or say that \
         this is wanted with --allow-unauthenticated (allowUnauthenticated: true)"
    );
    Err(ConfigError::value("listen", reason))
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<T, ConfigError> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ConfigError::value(
        key,
        format!("{value} must be from {} to {}", range.start(), range.end()),
    ))
}

fn period_within(
    key: &'static str,
    value: Period,
    range: RangeInclusive<Duration>,
) -> Result<Duration, ConfigError> {
    if range.contains(&value.0) {
        return Ok(value.0);
    }
    let (least, most) = (Period(*range.start()), Period(*range.end()));
    Err(ConfigError::value(
        key,
        format!("{value} must be from {least} to {most}"),
    ))
}

fn not_empty(key: &'static str, text: &str) -> Result<String, ConfigError> {
    match text.trim() {
        "" => Err(ConfigError::value(key, "must not be empty")),
        text => Ok(text.to_owned()),
    }
}

fn bootstrap_servers(text: &str) -> Result<String, ConfigError> {
    let key = "kafka.bootstrapServers";
    if text.trim().is_empty() {
        return Err(ConfigError::value(
            key,
            "is not set; it must be HOST:PORT, several with commas between",
        ));
    }
    let is_server = |server: &str| {
        let port = server
            .rsplit_once(':')
            .map(|(host, port)| (!host.is_empty(), port.parse::<u16>().is_ok()));
        port == Some((true, true))
    };
    match text.split(',').map(str::trim).find(|server| !is_server(server)) {
        Some(server) => Err(ConfigError::value(key, format!("{server:?} must be HOST:PORT"))),
        None => Ok(text.to_owned()),
    }
}

/// librdkafka speaks of its own properties, some of which have keys here.
fn key_at_fault(reason: &str) -> &'static str {
    let keys = [
        ("security.protocol", "kafka.security.protocol"),
        ("sasl.mechanism", "kafka.security.mechanism"),
        ("ssl.ca.location", "kafka.security.caFile"),
    ];
    let named = keys.iter().find(|(property, _)| reason.contains(property));
    named.map_or("kafka.properties", |(_, key)| key)
}

/// The names that Kafka allows.
fn topic_name(key: &'static str, given: Option<&str>, default: &str) -> Result<String, ConfigError> {
    let name = given.unwrap_or(default);
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    if (1..=249).contains(&name.len()) && name.chars().all(is_allowed) && name != "." && name != ".." {
        return Ok(name.to_owned());
    }
    let reason = format!("{name:?} must be 1 to 249 letters, digits, dots, underscores and hyphens");
    Err(ConfigError::value(key, reason))
}

fn properties(given: &[Property]) -> Result<BTreeMap<String, String>, ConfigError> {
    let key = "kafka.properties";
    let mut properties = BTreeMap::new();
    for Property { name, value } in given {
        if RESERVED_PROPERTIES.contains(&name.as_str()) {
            let reason = format!("{name} is set by the collector itself, see the other keys under kafka");
            return Err(ConfigError::value(key, reason));
        }
        let Some(value) = value else {
            return Err(ConfigError::value(key, format!("{name:?} must be NAME=VALUE")));
        };
        properties.insert(name.clone(), value.clone());
    }
    Ok(properties)
}
