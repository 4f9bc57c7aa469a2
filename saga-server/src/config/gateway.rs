//! How events are taken over HTTP.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use merge::Merge;
use saga_gateway::GatewayConfig;
use serde::Deserialize;

use super::{
    ConfigError, Period,
    checks::{period_within, within},
};

/// Keys under `gateway`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GatewaySettings {
    /// How long the answer to events over HTTP waits for the broker; 1s to 30s
    #[arg(
        id = "gateway.ackTimeout",
        long = "gateway-ack-timeout",
        value_name = "PERIOD",
        env = "SAGA_SERVER_GATEWAY_ACK_TIMEOUT"
    )]
    pub ack_timeout: Option<Period>,

    /// The longest body with events, in bytes, packed or not; 1024 to 67108864
    #[arg(
        id = "gateway.maxBodyBytes",
        long = "gateway-max-body-bytes",
        value_name = "BYTES",
        env = "SAGA_SERVER_GATEWAY_MAX_BODY_BYTES"
    )]
    pub max_body_bytes: Option<usize>,

    /// How many bytes of such bodies are held at once, one caller's at most half of it; twice gateway.maxBodyBytes to 1073741824
    #[arg(
        id = "gateway.maxBufferedBytes",
        long = "gateway-max-buffered-bytes",
        value_name = "BYTES",
        env = "SAGA_SERVER_GATEWAY_MAX_BUFFERED_BYTES"
    )]
    pub max_buffered_bytes: Option<usize>,

    /// A folder of mappings (*.yml), each of which makes events of what the source of its name sends; traces and logs are of OpenTelemetry
    #[arg(
        id = "gateway.mappingsDir",
        long = "gateway-mappings",
        value_name = "DIR",
        env = "SAGA_SERVER_GATEWAY_MAPPINGS_DIR"
    )]
    pub mappings_dir: Option<PathBuf>,
}

impl GatewaySettings {
    pub(super) fn resolve(&self) -> Result<GatewayConfig, ConfigError> {
        let default = GatewayConfig::default();
        let max_body_bytes = within(
            "gateway.maxBodyBytes",
            self.max_body_bytes.unwrap_or(default.max_body_bytes),
            1_024..=64 * 1024 * 1024,
        )?;
        if let Some(folder) = self.mappings_dir.as_ref().filter(|folder| !folder.is_dir()) {
            let reason = format!("{} is not a folder", folder.display());
            return Err(ConfigError::value("gateway.mappingsDir", reason));
        }
        Ok(GatewayConfig {
            mappings_dir: self.mappings_dir.clone(),
            ack_timeout: period_within(
                "gateway.ackTimeout",
                self.ack_timeout.unwrap_or(Period(default.ack_timeout)),
                Duration::from_secs(1)..=Duration::from_secs(30),
            )?,
            max_body_bytes,
            max_buffered_bytes: within(
                "gateway.maxBufferedBytes",
                self.max_buffered_bytes
                    .unwrap_or(default.max_buffered_bytes.max(4 * max_body_bytes)),
                2 * max_body_bytes..=1024 * 1024 * 1024,
            )?,
        })
    }
}
