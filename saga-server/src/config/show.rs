//! The configuration as text, without its secrets.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Config, Period, Settings,
    oidc::{DEFAULT_CLAIMS, DEFAULT_LEEWAY},
    owners,
    retention::After,
    telemetry::{DEFAULT_SAMPLE_RATIO, DEFAULT_SERVICE_NAME},
};
use saga_collector::{
    kafka::{KafkaConfig, SaslMechanism},
    secret::Secret,
    telemetry::TelemetryConfig,
    webhooks::WebhookConfig,
};
use saga_types::SagaType;
use saga_web::{
    PagesConfig,
    auth::{
        Access,
        oidc::{ClaimsConfig, OidcConfig},
    },
};

/// Stands where a key has no value.
pub const NOT_SET: &str = "not set";

/// Stands where a key has no value and needs one.
pub const REQUIRED: &str = "required";

impl Config {
    /// Every key with its value; secrets are hidden.
    #[must_use]
    pub fn entries(&self) -> Vec<(&'static str, String)> {
        let mut entries = vec![
            ("listen", self.listen.to_string()),
            ("allowUnauthenticated", self.allow_unauthenticated.to_string()),
            ("auth.tokens", tokens(&self.access)),
            ("redaction.metadataKeys", text(self.redaction.entry().as_deref())),
            ("database.url", format!("{:?}", self.database.url)),
            (
                "database.maxConnections",
                self.database.max_connections.to_string(),
            ),
        ];
        entries.extend(oidc_entries(self.oidc.as_ref()));
        entries.extend(kafka(&self.kafka));
        let registry = self
            .schema_registry
            .as_ref()
            .map(|registry| format!("{:?}", registry.url));
        let ca_file = self
            .schema_registry
            .as_ref()
            .and_then(|registry| registry.ca_file.as_deref());
        entries.push(("schemaRegistry.url", text(registry.as_deref())));
        entries.push(("schemaRegistry.caFile", path(ca_file)));
        entries.extend([
            ("gateway.ackTimeout", Period(self.gateway.ack_timeout).to_string()),
            ("gateway.maxBodyBytes", self.gateway.max_body_bytes.to_string()),
            (
                "gateway.maxBufferedBytes",
                self.gateway.max_buffered_bytes.to_string(),
            ),
            ("gateway.mappingsDir", path(self.gateway.mappings_dir.as_deref())),
            ("ingest.batchSize", self.ingest.batch_size.to_string()),
            ("ingest.batchWait", Period(self.ingest.batch_wait).to_string()),
            (
                "ingest.skipUnreadableAfter",
                Period(self.ingest.skip_unreadable_after.unwrap_or_default()).to_string(),
            ),
            ("ingest.writers", self.ingest.writers.to_string()),
            ("retention.after", After(self.retention.periods.ended).to_string()),
            (
                "retention.unfinishedAfter",
                After(self.retention.periods.unfinished).to_string(),
            ),
            (
                "retention.deadLettersAfter",
                After(self.retention.periods.dead_letters).to_string(),
            ),
            (
                "retention.operationsAfter",
                After(self.retention.periods.operations).to_string(),
            ),
            (
                "archive.url",
                text(
                    self.retention
                        .archive
                        .as_ref()
                        .map(ToString::to_string)
                        .as_deref(),
                ),
            ),
            (
                "watch.compensationOverdueAfter",
                Period(self.watch.compensation_overdue_after).to_string(),
            ),
            (
                "watch.eventsLostAfter",
                Period(self.watch.events_lost_after).to_string(),
            ),
            ("webhooks", webhooks(&self.webhooks)),
            ("pages.traceUrl", text(self.pages.trace_url_pattern())),
            ("pages.environments", environments(&self.pages)),
            ("pages.environment", text(self.pages.environment.as_deref())),
            ("pages.externalUrl", text(self.pages.external_url.as_deref())),
            ("owners", text(owners::entry(&self.pages.owners).as_deref())),
            (
                "definitionsDir",
                path(self.definitions_dirs.first().map(PathBuf::as_path)),
            ),
            ("shutdownTimeout", Period(self.shutdown_timeout).to_string()),
            ("log.format", self.log.format.as_str().to_owned()),
            ("log.level", self.log.level.as_str().to_owned()),
        ]);
        entries.extend(telemetry_entries(self.telemetry.as_ref()));
        entries
    }
}

fn environments(pages: &PagesConfig) -> String {
    let entries = pages.environments.iter();
    let entries: Vec<String> = entries.map(|one| format!("{}={}", one.name, one.url)).collect();
    text(Some(entries.join(";").as_str()).filter(|entries| !entries.is_empty()))
}

fn oidc_entries(oidc: Option<&OidcConfig>) -> [(&'static str, String); 13] {
    let [name, roles, viewer, operator, recorder] = DEFAULT_CLAIMS.map(str::to_owned);
    let claims = oidc.map_or(
        ClaimsConfig {
            name,
            roles,
            viewer_role: viewer,
            operator_role: operator,
            recorder_role: recorder,
            saga_types: None,
            services: None,
        },
        |oidc| oidc.claims.clone(),
    );
    let types = claims.saga_types.as_ref();
    let leeway = oidc.map_or(DEFAULT_LEEWAY, |oidc| oidc.leeway);
    [
        ("auth.oidc.issuer", text(oidc.map(|oidc| oidc.issuer.as_str()))),
        (
            "auth.oidc.audience",
            text(oidc.map(|oidc| oidc.audience.as_str())),
        ),
        (
            "auth.oidc.jwksUri",
            text(oidc.and_then(|oidc| oidc.jwks_uri.as_deref())),
        ),
        (
            "auth.oidc.caFile",
            path(oidc.and_then(|oidc| oidc.ca_file.as_deref())),
        ),
        ("auth.oidc.leeway", Period(leeway).to_string()),
        ("auth.oidc.nameClaim", claims.name),
        ("auth.oidc.rolesClaim", claims.roles),
        ("auth.oidc.viewerRole", claims.viewer_role),
        ("auth.oidc.operatorRole", claims.operator_role),
        ("auth.oidc.recorderRole", claims.recorder_role),
        (
            "auth.oidc.sagaTypesClaim",
            text(types.map(|types| types.claim.as_str())),
        ),
        (
            "auth.oidc.sagaTypesRequired",
            types.is_some_and(|types| types.is_required).to_string(),
        ),
        ("auth.oidc.servicesClaim", text(claims.services.as_deref())),
    ]
}

fn telemetry_entries(telemetry: Option<&TelemetryConfig>) -> [(&'static str, String); 3] {
    let name = telemetry.map_or(DEFAULT_SERVICE_NAME, |telemetry| &telemetry.service_name);
    let ratio = telemetry.map_or(DEFAULT_SAMPLE_RATIO, |telemetry| telemetry.sample_ratio);
    [
        (
            "telemetry.otlpEndpoint",
            text(telemetry.map(|telemetry| telemetry.otlp_endpoint.as_str())),
        ),
        ("telemetry.serviceName", name.to_owned()),
        ("telemetry.sampleRatio", ratio.to_string()),
    ]
}

fn tokens(access: &Access) -> String {
    let tokens = match access {
        Access::Tokens(tokens) | Access::Issued { tokens, .. } if !tokens.is_empty() => tokens,
        _ => return NOT_SET.to_owned(),
    };
    let shown: Vec<String> = tokens
        .iter()
        .map(|token| {
            let types: Vec<&str> = token.scope.types().map(SagaType::as_str).collect();
            let services = token
                .services
                .names()
                .map(|names| names.collect::<Vec<_>>().join(","));
            let bounds = match (token.scope.is_all(), services) {
                (true, None) => String::new(),
                (_, None) => format!(":{}", types.join(",")),
                (_, Some(services)) => format!(":{}:{services}", types.join(",")),
            };
            format!("{}:{}:***{bounds}", token.name, token.role)
        })
        .collect();
    shown.join(";")
}

fn kafka(kafka: &KafkaConfig) -> [(&'static str, String); 13] {
    let security = &kafka.security;
    let own = security.certificate.as_ref();
    let properties: Vec<String> = kafka
        .properties
        .keys()
        .map(|name| format!("{name}=***"))
        .collect();
    [
        ("kafka.bootstrapServers", kafka.bootstrap_servers.clone()),
        ("kafka.topic", kafka.topic.clone()),
        ("kafka.deadLetterTopic", kafka.dead_letter_topic.clone()),
        ("kafka.group", kafka.group.clone()),
        ("kafka.security.protocol", security.protocol.as_str().to_owned()),
        ("kafka.security.caFile", path(security.ca_file.as_deref())),
        (
            "kafka.security.certificateFile",
            path(own.map(|own| own.certificate_file.as_path())),
        ),
        (
            "kafka.security.keyFile",
            path(own.map(|own| own.key_file.as_path())),
        ),
        (
            "kafka.security.keyPassword",
            text(own.and_then(|own| own.key_password.as_ref()).map(|_| "***")),
        ),
        (
            "kafka.security.mechanism",
            text(security.mechanism.map(SaslMechanism::as_str)),
        ),
        ("kafka.security.username", text(security.username.as_deref())),
        (
            "kafka.security.password",
            text(security.password.as_ref().map(|_| "***")),
        ),
        (
            "kafka.properties",
            text(Some(properties.join(";").as_str()).filter(|names| !names.is_empty())),
        ),
    ]
}

/// The default of each key; [`REQUIRED`] for one that must be set.
#[must_use]
pub fn defaults() -> BTreeMap<&'static str, String> {
    let mut settings = Settings::default();
    settings.database.url = Some(Secret::new("sqlite:unused"));
    settings.kafka.bootstrap_servers = Some("unused:9092".to_owned());
    let entries = settings
        .resolve()
        .map(|config| config.entries())
        .unwrap_or_default();
    let required = ["database.url", "kafka.bootstrapServers"].map(|key| (key, REQUIRED.to_owned()));
    entries.into_iter().chain(required).collect()
}

fn webhooks(webhooks: &[WebhookConfig]) -> String {
    let webhooks: Vec<String> = webhooks.iter().map(ToString::to_string).collect();
    text(Some(webhooks.join(";").as_str()).filter(|webhooks| !webhooks.is_empty()))
}

fn path(path: Option<&Path>) -> String {
    path.map_or_else(|| NOT_SET.to_owned(), |path| path.display().to_string())
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or(NOT_SET).to_owned()
}
