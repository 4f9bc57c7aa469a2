//! Log lines and traces of a command.

use super::CliError;
use saga_collector::telemetry::{LogConfig, Telemetry, TelemetryConfig};

/// For commands that do one thing and end.
pub(super) fn start(log: &LogConfig) {
    // Only the receiver of traces could be amiss, and there is none.
    drop(Telemetry::start(log, None));
}

/// For commands that run on.
pub(super) fn start_with_traces(
    log: &LogConfig,
    traces: Option<&TelemetryConfig>,
) -> Result<Telemetry, CliError> {
    Telemetry::start(log, traces)
        .map_err(|error| CliError::usage(format_args!("telemetry.otlpEndpoint: {error}")))
}
