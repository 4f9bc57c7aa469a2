//! The way of spans to their receiver: OTLP over HTTP.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};
use tokio::runtime::Handle;

use crate::{
    http_client::{self, ClientError, Trust},
    telemetry::TelemetryConfig,
};

/// How long the receiver may take for a batch of spans.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends on the collector's runtime: spans are gathered by a thread of their own, on which no client of HTTP runs.
#[derive(Debug)]
pub(super) struct Exporter {
    exporter: Arc<OtlpExporter>,
    runtime: Handle,
    is_away: AtomicBool,
}

impl Exporter {
    pub(super) fn to(config: &TelemetryConfig) -> Result<Self, ClientError> {
        let endpoint = &config.otlp_endpoint;
        let exporter = OtlpExporter::builder()
            .with_http()
            .with_http_client(http_client::client(Trust::for_url(endpoint, None))?)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| ClientError::Tls(error.to_string()))?;
        Ok(Self {
            exporter: exporter.into(),
            runtime: Handle::current(),
            is_away: AtomicBool::default(),
        })
    }

    /// Says once that the receiver is unavailable, and once that it is back.
    fn report(&self, result: &OTelSdkResult) {
        let is_away = result.is_err();
        if self.is_away.swap(is_away, Ordering::Relaxed) == is_away {
            return;
        }
        match result {
            Ok(()) => tracing::info!("traces exported again"),
            Err(error) => tracing::warn!(%error, "traces not exported; some will be lost"),
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = self.exporter.clone();
        let sent = self.runtime.spawn(async move { exporter.export(batch).await });
        let result = sent
            .await
            .unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())));
        self.report(&result);
        result
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Called before anything is sent, while the exporter is not shared.
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}
