//! Telemetry of the collector itself: log lines, and traces for those who ask for them.
//!
//! Rule of thumb: it must cost the work nothing. Spans wait in a bounded queue, those that do not fit are dropped, and a
//! receiver that is unavailable is named once.
//!
//! | part | what |
//! | --- | --- |
//! | [`spans`] | which spans there are, with every attribute's name |
//! | `export` | the way to the receiver |
//! | `config` | what is logged, and where traces go |

mod config;
mod export;
pub mod spans;

use std::{io::IsTerminal, time::Duration};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

pub use config::{LogConfig, LogFormat, LogLevel, TelemetryConfig};

use crate::http_client::ClientError;

/// How many ended spans wait for the receiver at most.
const QUEUE_SPANS: usize = 2_048;

/// How long what waits may take to be sent at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Log lines and traces that were started; ended by [`Telemetry::end`].
#[derive(Debug, Default)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts both, for the whole process; a second start in it changes nothing. Must be called inside the runtime that
    /// sends the spans.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when there are no certificates by which the receiver could prove who it is.
    pub fn start(log: &LogConfig, traces: Option<&TelemetryConfig>) -> Result<Self, ClientError> {
        let provider = traces.map(provider).transpose()?;
        let spans = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("saga-server"))
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_filter(filter_fn(is_reported))
        });
        let started = tracing_subscriber::registry()
            .with(lines(log))
            .with(spans)
            .try_init();
        // An error means that somebody else in the process has started logging, which is as good.
        drop(started);
        Ok(Self { provider })
    }

    /// Sends what waits, within a few seconds.
    pub async fn end(self) {
        let Some(provider) = self.provider else { return };
        // Waits for the runtime's other threads, and so must not hold one of them up.
        let ending = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT));
        if !matches!(ending.await, Ok(Ok(()))) {
            tracing::debug!("last spans not exported");
        }
    }
}

/// Where log lines go: to stderr, in the configured form.
fn lines(config: &LogConfig) -> Box<dyn Layer<Registry> + Send + Sync> {
    let filter = EnvFilter::new(directives(config.level));
    let lines = fmt::layer().with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed(),
    }
}

/// What is logged. The library of the Model Context Protocol writes three lines for each message that is in order, with what the client
/// says of itself, and warns of each that is not.
fn directives(level: LogLevel) -> String {
    match level {
        LogLevel::Error => level.as_str().to_owned(),
        _ => format!("{},rmcp=error", level.as_str()),
    }
}

/// The packages of the collector, as their spans and log lines name them.
const PACKAGES: [&str; 4] = ["saga_server", "saga_web", "saga_collector", "saga_store"];

/// Our own spans, and what went wrong in them, without those of libraries.
fn is_reported(metadata: &Metadata<'_>) -> bool {
    let least = if metadata.is_span() {
        Level::INFO
    } else {
        Level::WARN
    };
    let package = metadata.target().split("::").next().unwrap_or_default();
    PACKAGES.contains(&package) && *metadata.level() <= least
}

fn provider(config: &TelemetryConfig) -> Result<SdkTracerProvider, ClientError> {
    let queue = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_SPANS)
        .build();
    let processor = BatchSpanProcessor::builder(export::Exporter::to(config)?)
        .with_batch_config(queue)
        .build();
    // The caller may have decided already whether the trace is sampled.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample_ratio)));
    Ok(SdkTracerProvider::builder()
        .with_resource(resource(config))
        .with_sampler(sampler)
        .with_span_processor(processor)
        .build())
}

fn resource(config: &TelemetryConfig) -> Resource {
    Resource::builder()
        .with_service_name(config.service_name.clone())
        .with_attribute(spans::service_version(env!("CARGO_PKG_VERSION")))
        .build()
}
