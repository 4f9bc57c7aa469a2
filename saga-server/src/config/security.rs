//! Encryption and identity of connections to Kafka: the keys, and the properties that the client gets.

use std::path::PathBuf;

use clap::Args;
use merge::Merge;
use saga_collector::{
    kafka::{ClientCertificate, KafkaSecurity, SaslMechanism, SecurityProtocol},
    secret::Secret,
};
use serde::Deserialize;

use super::ConfigError;

/// Keys under `kafka.security`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecuritySettings {
    /// The security protocol of connections to brokers
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

    /// The SASL mechanism by which the collector authenticates
    #[arg(
        id = "kafka.security.mechanism",
        long = "kafka-sasl-mechanism",
        value_name = "MECHANISM",
        env = "SAGA_SERVER_KAFKA_SECURITY_MECHANISM"
    )]
    pub mechanism: Option<SaslMechanism>,

    /// The user name of SASL
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

impl SecuritySettings {
    pub(super) fn resolve(&self) -> Result<KafkaSecurity, ConfigError> {
        let protocol = self.protocol.unwrap_or(SecurityProtocol::Plaintext);
        self.check_identity(protocol)?;
        self.check_certificates(protocol)?;
        Ok(KafkaSecurity {
            protocol,
            ca_file: self.ca_file.clone(),
            certificate: self.certificate()?,
            mechanism: self.mechanism,
            username: self.username.clone(),
            password: self.password.clone(),
        })
    }

    /// With SASL all three must be there, without it none.
    fn check_identity(&self, protocol: SecurityProtocol) -> Result<(), ConfigError> {
        let given = [
            ("kafka.security.mechanism", self.mechanism.is_some()),
            ("kafka.security.username", self.username.is_some()),
            ("kafka.security.password", self.password.is_some()),
        ];
        let wrong = given
            .into_iter()
            .find(|(_, is_given)| *is_given != protocol.has_identity());
        let Some((key, is_given)) = wrong else {
            return Ok(());
        };
        let reason = match is_given {
            true => "is of use only when kafka.security.protocol is sasl_plaintext or sasl_ssl".to_owned(),
            false => format!(
                "is not set; kafka.security.protocol {} needs it",
                protocol.as_str()
            ),
        };
        Err(ConfigError::value(key, reason))
    }

    /// Files must be there; and a configuration that names one means TLS and must not get less.
    fn check_certificates(&self, protocol: SecurityProtocol) -> Result<(), ConfigError> {
        for (key, file) in [
            ("kafka.security.caFile", &self.ca_file),
            ("kafka.security.certificateFile", &self.certificate_file),
            ("kafka.security.keyFile", &self.key_file),
        ] {
            let Some(file) = file else { continue };
            if !file.is_file() {
                return Err(ConfigError::value(
                    key,
                    format!("{} is not a file", file.display()),
                ));
            }
            if !protocol.has_certificates() {
                let reason = "is of use only when kafka.security.protocol is ssl or sasl_ssl";
                return Err(ConfigError::value(key, reason));
            }
        }
        Ok(())
    }

    fn certificate(&self) -> Result<Option<ClientCertificate>, ConfigError> {
        let needs = |key, other| Err(ConfigError::value(key, format!("is not set; {other} needs it")));
        match (&self.certificate_file, &self.key_file) {
            (Some(certificate_file), Some(key_file)) => Ok(Some(ClientCertificate {
                certificate_file: PathBuf::clone(certificate_file),
                key_file: PathBuf::clone(key_file),
                key_password: self.key_password.clone(),
            })),
            (Some(_), None) => needs("kafka.security.keyFile", "kafka.security.certificateFile"),
            (None, Some(_)) => needs("kafka.security.certificateFile", "kafka.security.keyFile"),
            (None, None) if self.key_password.is_some() => {
                needs("kafka.security.keyFile", "kafka.security.keyPassword")
            }
            (None, None) => Ok(None),
        }
    }
}
