//! From the keys for encryption and identity to the properties of Kafka's client.

use std::path::PathBuf;

use super::{ConfigError, SecuritySettings};
use saga_collector::kafka::{ClientCertificate, KafkaSecurity, SecurityProtocol};

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
