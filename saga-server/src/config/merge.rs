//! Two layers of settings into one: key by key, the heavier wins.

use super::{
    DatabaseSettings, IngestSettings, KafkaSettings, LogSettings, RegistrySettings, SecuritySettings,
    Settings, WatchSettings,
};

impl Settings {
    /// These settings, and where they are silent, those of a lighter layer.
    #[must_use]
    pub fn or(self, lighter: Self) -> Self {
        Self {
            listen: self.listen.or(lighter.listen),
            allow_unauthenticated: self.allow_unauthenticated.or(lighter.allow_unauthenticated),
            auth: self.auth.or(lighter.auth),
            redaction: self.redaction.or(lighter.redaction),
            database: self.database.or(lighter.database),
            kafka: self.kafka.or(lighter.kafka),
            schema_registry: RegistrySettings {
                url: self.schema_registry.url.or(lighter.schema_registry.url),
                ca_file: self.schema_registry.ca_file.or(lighter.schema_registry.ca_file),
            },
            ingest: self.ingest.or(lighter.ingest),
            retention: self.retention.or(lighter.retention),
            archive: self.archive.or(lighter.archive),
            watch: WatchSettings {
                compensation_overdue_after: self
                    .watch
                    .compensation_overdue_after
                    .or(lighter.watch.compensation_overdue_after),
                events_lost_after: self.watch.events_lost_after.or(lighter.watch.events_lost_after),
            },
            pages: self.pages.or(lighter.pages),
            definitions_dir: self.definitions_dir.or(lighter.definitions_dir),
            shutdown_timeout: self.shutdown_timeout.or(lighter.shutdown_timeout),
            log: self.log.or(lighter.log),
            telemetry: self.telemetry.or(lighter.telemetry),
        }
    }
}

impl DatabaseSettings {
    fn or(self, lighter: Self) -> Self {
        Self {
            url: self.url.or(lighter.url),
            max_connections: self.max_connections.or(lighter.max_connections),
        }
    }
}

impl KafkaSettings {
    fn or(self, lighter: Self) -> Self {
        Self {
            bootstrap_servers: self.bootstrap_servers.or(lighter.bootstrap_servers),
            topic: self.topic.or(lighter.topic),
            dead_letter_topic: self.dead_letter_topic.or(lighter.dead_letter_topic),
            group: self.group.or(lighter.group),
            security: self.security.or(lighter.security),
            // The last of a name wins.
            properties: [lighter.properties, self.properties].concat(),
        }
    }
}

impl SecuritySettings {
    fn or(self, lighter: Self) -> Self {
        Self {
            protocol: self.protocol.or(lighter.protocol),
            ca_file: self.ca_file.or(lighter.ca_file),
            certificate_file: self.certificate_file.or(lighter.certificate_file),
            key_file: self.key_file.or(lighter.key_file),
            key_password: self.key_password.or(lighter.key_password),
            mechanism: self.mechanism.or(lighter.mechanism),
            username: self.username.or(lighter.username),
            password: self.password.or(lighter.password),
        }
    }
}

impl IngestSettings {
    fn or(self, lighter: Self) -> Self {
        Self {
            batch_size: self.batch_size.or(lighter.batch_size),
            batch_wait: self.batch_wait.or(lighter.batch_wait),
            writers: self.writers.or(lighter.writers),
        }
    }
}

impl LogSettings {
    fn or(self, lighter: Self) -> Self {
        Self {
            format: self.format.or(lighter.format),
            level: self.level.or(lighter.level),
        }
    }
}
