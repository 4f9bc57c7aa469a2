//! From the configuration to librdkafka's properties.
//!
//! The properties that the SDK's guarantees depend on (order, bounded memory, a deadline) cannot be
//! overridden.

use std::time::Duration;

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};

use crate::{Compression, ConnectError, PublishMode, SagaConfig};

/// How long librdkafka waits for a topic to be created.
const TOPIC_WAIT: Duration = Duration::from_secs(30);

/// Properties that only the keys named beside them may set.
const RESERVED: &[(&str, &str)] = &[
    ("bootstrap.servers", "platform.saga.bootstrapServers"),
    ("metadata.broker.list", "platform.saga.bootstrapServers"),
    ("message.timeout.ms", "platform.saga.deliveryTimeout"),
    ("delivery.timeout.ms", "platform.saga.deliveryTimeout"),
    ("linger.ms", "platform.saga.linger"),
    ("queue.buffering.max.ms", "platform.saga.linger"),
    ("queue.buffering.max.messages", "platform.saga.buffer.maxEvents"),
    ("queue.buffering.max.kbytes", "platform.saga.buffer.maxBytes"),
    ("compression.type", "platform.saga.compression"),
    ("compression.codec", "platform.saga.compression"),
    ("security.protocol", "platform.saga.security.protocol"),
    ("enable.idempotence", ""),
    ("acks", ""),
    ("request.required.acks", ""),
    ("partitioner", ""),
    ("transactional.id", ""),
    ("delivery.report.only.error", ""),
];

/// Properties of librdkafka that have keys of their own, for errors that name the key.
const KEYED: &[(&str, &str)] = &[
    ("security.protocol", "security.protocol"),
    ("sasl.mechanism", "security.saslMechanism"),
    ("ssl.ca.location", "security.caLocation"),
    ("ssl.certificate.location", "security.certificateLocation"),
    ("ssl.key.location", "security.keyLocation"),
    ("ssl.key.password", "security.keyPassword"),
    ("compression.type", "compression"),
    ("queue.buffering.max.kbytes", "buffer.maxBytes"),
    ("message.timeout.ms", "deliveryTimeout"),
];

/// Everything that the producer is made with.
pub(super) fn client_config(config: &SagaConfig) -> Result<ClientConfig, ConnectError> {
    check_features(config)?;
    let mut settings = ClientConfig::new();
    settings.set_log_level(RDKafkaLogLevel::Warning);
    set_promises(&mut settings);
    set_limits(config, &mut settings)?;
    set_security(config, &mut settings);
    set_further(config, &mut settings)?;
    Ok(settings)
}

fn set_promises(settings: &mut ClientConfig) {
    settings
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // The partitioner of the JVM clients: a saga's events share a partition, whichever client writes them.
        .set("partitioner", "murmur2_random")
        .set("socket.keepalive.enable", "true")
        .set("log.connection.close", "false");
}

fn set_limits(config: &SagaConfig, settings: &mut ClientConfig) -> Result<(), ConnectError> {
    let timeout = match config.mode {
        PublishMode::Asynchronous => ("deliveryTimeout", config.delivery_timeout),
        PublishMode::Synchronous => ("syncTimeout", config.sync_timeout),
    };
    if timeout.1 <= config.linger {
        return Err(ConnectError::invalid(timeout.0, "must be longer than linger"));
    }
    if config.buffer.max_events == 0 {
        return Err(ConnectError::invalid("buffer.maxEvents", "must be at least 1"));
    }
    if config.buffer.max_bytes < 64 * 1024 {
        return Err(ConnectError::invalid(
            "buffer.maxBytes",
            "must be at least 65536, enough for one event of any size",
        ));
    }
    if config.mode == PublishMode::Synchronous {
        // A missing topic is reported before the caller's deadline, as what it is.
        let wait = (timeout.1 / 2).min(TOPIC_WAIT);
        settings.set("topic.metadata.propagation.max.ms", wait.as_millis().to_string());
    }
    settings
        .set("message.timeout.ms", timeout.1.as_millis().to_string())
        .set("linger.ms", config.linger.as_millis().to_string())
        .set(
            "queue.buffering.max.messages",
            config.buffer.max_events.to_string(),
        )
        .set(
            "queue.buffering.max.kbytes",
            (config.buffer.max_bytes / 1024).to_string(),
        )
        .set("compression.type", compression(config.compression));
    Ok(())
}

fn set_security(config: &SagaConfig, settings: &mut ClientConfig) {
    let security = &config.security;
    settings.set("security.protocol", security.protocol.as_str());
    let password = security.password.as_ref().map(crate::Secret::expose);
    let key_password = security.key_password.as_ref().map(crate::Secret::expose);
    let optional = [
        ("sasl.mechanism", security.sasl_mechanism.as_deref()),
        ("sasl.username", security.username.as_deref()),
        ("sasl.password", password),
        ("ssl.ca.location", security.ca_location.as_deref()),
        (
            "ssl.certificate.location",
            security.certificate_location.as_deref(),
        ),
        ("ssl.key.location", security.key_location.as_deref()),
        ("ssl.key.password", key_password),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            settings.set(name, value);
        }
    }
}

fn set_further(config: &SagaConfig, settings: &mut ClientConfig) -> Result<(), ConnectError> {
    let service = needed(
        config.service_name.as_deref(),
        "platform.saga.serviceName",
        "PLATFORM_SAGA_SERVICE_NAME",
    )?;
    let servers = needed(
        config.bootstrap_servers.as_deref(),
        "platform.saga.bootstrapServers",
        "PLATFORM_SAGA_BOOTSTRAP_SERVERS",
    )?;
    settings
        .set("bootstrap.servers", servers)
        .set("client.id", service);
    for (name, value) in &config.properties.0 {
        if let Some((_, instead)) = RESERVED.iter().find(|(reserved, _)| reserved == name) {
            let problem = match *instead {
                "" => "is set by the SDK and cannot be changed".to_owned(),
                key => format!("is set by the key {key}"),
            };
            return Err(ConnectError::invalid(&format!("properties.{name}"), problem));
        }
        settings.set(name, value);
    }
    Ok(())
}

fn needed<'a>(
    value: Option<&'a str>,
    key: &'static str,
    variable: &'static str,
) -> Result<&'a str, ConnectError> {
    value
        .filter(|value| !value.trim().is_empty())
        .ok_or(ConnectError::Missing { key, variable })
}

/// What librdkafka was built with is known only at run time: another crate may enable more of its features.
fn check_features(config: &SagaConfig) -> Result<(), ConnectError> {
    let native = ClientConfig::new()
        .create_native_config()
        .map_err(|error| refused(&error))?;
    let built_in = native.get("builtin.features").map_err(|error| refused(&error))?;
    let has = |feature: &str| built_in.split(',').any(|built_in| built_in.trim() == feature);
    if config.security.protocol.is_encrypted() && !has("ssl") {
        let what = format!(
            "TLS (platform.saga.security.protocol {})",
            config.security.protocol.as_str()
        );
        return Err(ConnectError::NotBuilt { what, feature: "ssl" });
    }
    let mechanism = config.security.sasl_mechanism.as_deref().unwrap_or_default();
    if (mechanism.starts_with("SCRAM") && !has("sasl_scram"))
        || (mechanism == "OAUTHBEARER" && !has("sasl_oauthbearer"))
    {
        let what = format!("SASL (platform.saga.security.saslMechanism {mechanism})");
        return Err(ConnectError::NotBuilt { what, feature: "ssl" });
    }
    if mechanism == "OAUTHBEARER" && config.tokens.is_none() {
        return Err(ConnectError::invalid(
            "security.saslMechanism",
            "OAUTHBEARER needs tokens: give SagaConfig::oauth_token a function that gets them",
        ));
    }
    Ok(())
}

/// librdkafka's error about a property, without its value when that may be a secret.
pub(super) fn refused(error: &KafkaError) -> ConnectError {
    match error {
        KafkaError::ClientConfig(_, problem, name, _) => {
            let is_secret = ["password", "secret", "pem", "jaas", "config", "userinfo"]
                .iter()
                .any(|word| name.contains(word));
            let problem = if is_secret {
                "is refused by librdkafka"
            } else {
                problem.as_str()
            };
            let key = KEYED
                .iter()
                .find(|(property, _)| property == name)
                .map(|(_, key)| (*key).to_owned());
            ConnectError::invalid(&key.unwrap_or_else(|| format!("properties.{name}")), problem)
        }
        error => ConnectError::Kafka(error.to_string()),
    }
}

const fn compression(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Snappy => "snappy",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> SagaConfig {
        SagaConfig::default()
            .enabled(true)
            .bootstrap_servers("127.0.0.1:1")
            .service_name("order-service")
    }

    fn problem(config: &SagaConfig) -> String {
        client_config(config).unwrap_err().to_string()
    }

    #[test]
    fn what_is_missing_is_named_with_its_variable() {
        let mut config = complete();
        config.bootstrap_servers = None;
        assert_eq!(
            problem(&config),
            "platform.saga.bootstrapServers is missing: set it, or the variable PLATFORM_SAGA_BOOTSTRAP_SERVERS"
        );
        assert!(problem(&complete().service_name(" ")).starts_with("platform.saga.serviceName is missing"));
    }

    #[test]
    fn promises_cannot_be_overridden() {
        assert_eq!(
            problem(&complete().property("acks", "1")),
            "platform.saga.properties.acks: is set by the SDK and cannot be changed"
        );
        assert_eq!(
            problem(&complete().property("linger.ms", "1")),
            "platform.saga.properties.linger.ms: is set by the key platform.saga.linger"
        );
    }

    #[test]
    fn what_librdkafka_refuses_is_named_without_secrets() {
        let problem = |config: SagaConfig| {
            let settings = client_config(&config).unwrap();
            refused(&settings.create_native_config().err().unwrap()).to_string()
        };
        let error = problem(complete().property("no.such.property", "x"));
        assert_eq!(
            error,
            "platform.saga.properties.no.such.property: No such configuration property: \"no.such.property\""
        );
        let error = problem(complete().property("socket.timeout.ms", "soon"));
        assert!(
            error.starts_with("platform.saga.properties.socket.timeout.ms: Invalid value"),
            "{error}"
        );
        let error = problem(complete().property("no.such.password", "hunter2"));
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn limits_must_make_sense() {
        let mut config = complete();
        config.buffer.max_events = 0;
        assert!(problem(&config).starts_with("platform.saga.buffer.maxEvents"));
        let mut config = complete();
        config.linger = config.delivery_timeout;
        assert!(problem(&config).starts_with("platform.saga.deliveryTimeout"));
    }

    #[test]
    #[cfg(not(any(feature = "ssl", feature = "ssl-vendored")))]
    fn tls_that_was_not_built_in_is_refused() {
        use crate::SecurityProtocol;
        for protocol in [SecurityProtocol::Ssl, SecurityProtocol::SaslSsl] {
            let mut config = complete();
            config.security.protocol = protocol;
            let error = client_config(&config).unwrap_err();
            assert!(
                matches!(error, ConnectError::NotBuilt { feature: "ssl", .. }),
                "{error}"
            );
        }
    }
}
