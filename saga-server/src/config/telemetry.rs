//! Where the collector's own traces go.

use clap::Args;
use merge::Merge;
use saga_collector::telemetry::TelemetryConfig;
use serde::Deserialize;

use super::{
    ConfigError,
    checks::{is_http, not_empty, within},
};

const ENDPOINT: &str = "telemetry.otlpEndpoint";
const SERVICE_NAME: &str = "telemetry.serviceName";
const SAMPLE_RATIO: &str = "telemetry.sampleRatio";

/// The default name of the collector in traces.
pub(super) const DEFAULT_SERVICE_NAME: &str = "saga-server";

/// The default share of traces that are recorded.
pub(super) const DEFAULT_SAMPLE_RATIO: f64 = 1.0;

/// Keys under `telemetry`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// Where the collector's own traces go, as OTLP over HTTP: http://HOST:4318; nowhere when not given
    #[arg(
        id = "telemetry.otlpEndpoint",
        long = "otlp-endpoint",
        value_name = "URL",
        env = "OTEL_EXPORTER_OTLP_ENDPOINT"
    )]
    pub otlp_endpoint: Option<String>,

    /// As those traces name the collector
    #[arg(
        id = "telemetry.serviceName",
        long = "otel-service-name",
        value_name = "NAME",
        env = "OTEL_SERVICE_NAME"
    )]
    pub service_name: Option<String>,

    /// How many of the traces that begin here are kept; 0 to 1
    #[arg(
        id = "telemetry.sampleRatio",
        long = "trace-sample-ratio",
        value_name = "RATIO",
        env = "SAGA_SERVER_TELEMETRY_SAMPLE_RATIO"
    )]
    pub sample_ratio: Option<f64>,
}

impl TelemetrySettings {
    /// `None` when there is nowhere to send them.
    pub(super) fn resolve(&self) -> Result<Option<TelemetryConfig>, ConfigError> {
        let name = self.service_name.as_deref().unwrap_or(DEFAULT_SERVICE_NAME);
        let service_name = not_empty(SERVICE_NAME, name)?;
        let sample_ratio = within(
            SAMPLE_RATIO,
            self.sample_ratio.unwrap_or(DEFAULT_SAMPLE_RATIO),
            0.0..=1.0,
        )?;
        // An empty variable counts as none, as OpenTelemetry has it.
        let Some(endpoint) = self.otlp_endpoint.clone().filter(|url| !url.is_empty()) else {
            // A name is left alone: its variable is set for all processes of a pod.
            return match self.sample_ratio {
                Some(_) => Err(ConfigError::value(
                    SAMPLE_RATIO,
                    "is of use only with telemetry.otlpEndpoint",
                )),
                None => Ok(None),
            };
        };
        // Errors of the exporter repeat the address.
        if !is_http(&endpoint) || endpoint.contains('@') {
            return Err(ConfigError::value(
                ENDPOINT,
                "must be http://HOST:PORT or https://HOST:PORT, with a path if it has one; a password belongs into \
                 OTEL_EXPORTER_OTLP_HEADERS",
            ));
        }
        Ok(Some(TelemetryConfig {
            otlp_endpoint: endpoint,
            service_name,
            sample_ratio,
        }))
    }
}
