//! Spans: made by the SDK of OpenTelemetry, exported by its exporter, OTLP over HTTP.
//!
//! A service would hand them to the SDK's `BatchSpanProcessor`. Here they are held when they have ended, so that they can be
//! exported late, in any order, and more than once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use opentelemetry::{Context, trace::TracerProvider};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor},
};

use crate::event::ServiceName;

/// How many spans the SDK exports at once when nothing else is configured.
const BATCH: usize = 512;

/// The tracers of the three services, and the spans that have ended.
pub struct Tracing {
    providers: BTreeMap<ServiceName, SdkTracerProvider>,
    ended: Ended,
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct EndedSpan {
    service: ServiceName,
    data: SpanData,
}

type Ended = Arc<Mutex<Vec<EndedSpan>>>;

/// Holds the spans of a service.
#[derive(Debug)]
struct Holding {
    service: ServiceName,
    ended: Ended,
}

impl SpanProcessor for Holding {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, data: SpanData) {
        held(&self.ended).push(EndedSpan {
            service: self.service,
            data,
        });
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Default for Tracing {
    fn default() -> Self {
        let ended = Ended::default();
        let provider = |service: ServiceName| {
            let holding = Holding {
                service,
                ended: ended.clone(),
            };
            let provider = SdkTracerProvider::builder()
                .with_resource(resource(service))
                .with_span_processor(holding);
            (service, provider.build())
        };
        Self {
            providers: ServiceName::ALL.map(provider).into(),
            ended,
        }
    }
}

impl Tracing {
    /// The spans that have ended so far, in that order.
    #[must_use]
    pub fn ended(&self) -> Vec<EndedSpan> {
        held(&self.ended).clone()
    }

    pub(crate) fn tracer(&self, service: ServiceName) -> SdkTracer {
        self.providers[&service].tracer("shop")
    }
}

/// An exporter for each of the services.
#[derive(Debug)]
pub struct Exporters(BTreeMap<ServiceName, OtlpExporter>);

impl Exporters {
    /// Exporters to an address, such as `http://127.0.0.1:8086`.
    ///
    /// # Errors
    ///
    /// When the address is none.
    pub fn to(endpoint: &str) -> Result<Self> {
        // Nothing is encrypted. Where other packages make the client speak TLS, it has to know by which cryptography; an
        // error means that it does already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let exporter = |service| {
            let exporter = OtlpExporter::builder()
                .with_http()
                .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')));
            let mut exporter = exporter
                .build()
                .with_context(|| format!("spans cannot be exported to {endpoint}"))?;
            exporter.set_resource(&resource(service));
            Ok((service, exporter))
        };
        ServiceName::ALL
            .into_iter()
            .map(exporter)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Exports spans in batches, each service its own, until all are taken.
    ///
    /// # Errors
    ///
    /// When the receiver does not take a batch.
    pub async fn export(&self, spans: &[EndedSpan]) -> Result<()> {
        for batch in spans.chunks(BATCH) {
            for (service, exporter) in &self.0 {
                let own = batch.iter().filter(|span| span.service == *service);
                let own: Vec<SpanData> = own.map(|span| span.data.clone()).collect();
                if !own.is_empty() {
                    let exported = exporter.export(own).await;
                    exported.with_context(|| format!("spans of {}", service.as_str()))?;
                }
            }
        }
        Ok(())
    }
}

fn resource(service: ServiceName) -> Resource {
    Resource::builder_empty()
        .with_service_name(service.as_str())
        .build()
}

fn held(ended: &Mutex<Vec<EndedSpan>>) -> MutexGuard<'_, Vec<EndedSpan>> {
    ended.lock().unwrap_or_else(PoisonError::into_inner)
}
