//! How the broker is reached.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use clap::ValueEnum;
use rdkafka::ClientConfig;
use serde::Deserialize;

use crate::secret::Secret;

/// The broker.
#[derive(Clone)]
pub struct KafkaConfig {
    /// The brokers to ask first.
    pub bootstrap_servers: String,
    /// The topic with the events.
    pub topic: String,
    /// The topic for events that cannot be stored.
    pub dead_letter_topic: String,
    /// The consumer group, shared by all instances of one collector.
    pub group: String,
    /// Encryption and identity.
    pub security: KafkaSecurity,
    /// Further properties of librdkafka; none that the collector sets itself.
    pub properties: BTreeMap<String, String>,
}

/// Shows the properties' names only: a value may be a secret.
impl fmt::Debug for KafkaConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KafkaConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("topic", &self.topic)
            .field("dead_letter_topic", &self.dead_letter_topic)
            .field("group", &self.group)
            .field("security", &self.security)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

impl KafkaConfig {
    /// What every client has in common: where the brokers are, how they are reached, and the further properties.
    #[must_use]
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap_servers);
        self.security.apply(&mut client);
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        client
    }

    /// The same, with our defaults where nothing was configured.
    pub(super) fn client_with(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut client = self.client();
        for (key, value) in defaults {
            if client.get(key).is_none() {
                client.set(*key, *value);
            }
        }
        client
    }

    /// Whether the group is managed by the broker (KIP-848).
    pub(super) fn is_consumer_protocol(&self) -> bool {
        let protocol = self.properties.get("group.protocol");
        protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("consumer"))
    }

    /// Whether librdkafka takes it; what is wrong with it, in its words.
    pub fn check(&self) -> Result<(), String> {
        let is_refused = |name: &&&str| self.properties.contains_key(**name);
        if let Some(name) = CLASSIC_ONLY
            .iter()
            .find(is_refused)
            .filter(|_| self.is_consumer_protocol())
        {
            return Err(format!(
                "{name} cannot be set together with group.protocol=consumer: the broker decides it; leave it out"
            ));
        }
        let refused = match self.client().create_native_config() {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let reason = match refused {
            // Its words may repeat the value.
            rdkafka::error::KafkaError::ClientConfig(_, _, name, _) if may_be_secret(&name) => {
                format!("{name} is not what librdkafka takes")
            }
            rdkafka::error::KafkaError::ClientConfig(_, reason, ..) => reason,
            other => other.to_string(),
        };
        // Only librdkafka knows what it was built with.
        Err(match reason.contains("not available at build time") {
            true => format!("{reason}; this saga-server was built without its feature ssl"),
            false => reason,
        })
    }
}

/// What librdkafka refuses when the broker manages the group.
const CLASSIC_ONLY: [&str; 4] = [
    "partition.assignment.strategy",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "group.protocol.type",
];

fn may_be_secret(property: &str) -> bool {
    ["password", "secret", "pem", "jaas", "config", "userinfo"]
        .iter()
        .any(|word| property.contains(word))
}

/// Encryption and identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSecurity {
    /// The security protocol of connections to brokers.
    pub protocol: SecurityProtocol,
    /// The certificates that vouch for the brokers; none for the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate that the collector shows to the brokers, with its key.
    pub certificate: Option<ClientCertificate>,
    /// The SASL mechanism by which the collector authenticates.
    pub mechanism: Option<SaslMechanism>,
    /// The user name of SASL.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
}

/// A certificate and the key that it belongs to, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those between it and one that the brokers know.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// The password of the key's file, when it has one.
    pub key_password: Option<Secret>,
}

impl KafkaSecurity {
    fn apply(&self, client: &mut ClientConfig) {
        client.set("security.protocol", self.protocol.as_str());
        if let Some(file) = &self.ca_file {
            client.set("ssl.ca.location", file.to_string_lossy());
        }
        if let Some(own) = &self.certificate {
            client.set("ssl.certificate.location", own.certificate_file.to_string_lossy());
            client.set("ssl.key.location", own.key_file.to_string_lossy());
            if let Some(password) = &own.key_password {
                client.set("ssl.key.password", password.expose());
            }
        }
        if let Some(mechanism) = self.mechanism {
            client.set("sasl.mechanism", mechanism.as_str());
        }
        if let Some(username) = &self.username {
            client.set("sasl.username", username);
        }
        if let Some(password) = &self.password {
            client.set("sasl.password", password.expose());
        }
    }
}

/// The security protocol of connections to brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum SecurityProtocol {
    /// In the clear, without identity.
    Plaintext,
    /// Encrypted.
    Ssl,
    /// In the clear, with identity.
    SaslPlaintext,
    /// Encrypted, with identity.
    SaslSsl,
}

impl SecurityProtocol {
    /// As librdkafka and the configuration call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    /// Whether brokers prove who they are, and the collector may.
    #[must_use]
    pub const fn has_certificates(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether it needs a mechanism, a user and a password.
    #[must_use]
    pub const fn has_identity(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// The SASL mechanism by which the collector authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
pub enum SaslMechanism {
    /// The password itself.
    #[serde(rename = "PLAIN")]
    #[value(name = "PLAIN")]
    Plain,
    /// A proof of knowing the password.
    #[serde(rename = "SCRAM-SHA-256")]
    #[value(name = "SCRAM-SHA-256")]
    ScramSha256,
    /// The same with a longer hash.
    #[serde(rename = "SCRAM-SHA-512")]
    #[value(name = "SCRAM-SHA-512")]
    ScramSha512,
}

impl SaslMechanism {
    /// As librdkafka and the configuration call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> KafkaConfig {
        let owned = properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        KafkaConfig {
            bootstrap_servers: "localhost:9092".to_owned(),
            topic: "sagas".to_owned(),
            dead_letter_topic: "sagas.dlt".to_owned(),
            group: "tracker".to_owned(),
            security: KafkaSecurity {
                protocol: SecurityProtocol::Plaintext,
                ca_file: None,
                certificate: None,
                mechanism: None,
                username: None,
                password: None,
            },
            properties: owned.collect(),
        }
    }

    #[test]
    fn what_the_broker_decides_in_its_group_protocol_is_refused_at_the_start() {
        let protocol = ("group.protocol", "consumer");
        assert_eq!(with(&[protocol]).check(), Ok(()));
        assert_eq!(with(&[("session.timeout.ms", "9000")]).check(), Ok(()));
        let refused = with(&[protocol, ("session.timeout.ms", "9000")]).check();
        assert!(refused.is_err_and(|reason| reason.starts_with("session.timeout.ms cannot be set")));
    }
}
