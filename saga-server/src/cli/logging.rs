//! Where log lines go: to stderr, in the configured form.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogConfig, LogFormat};

/// Starts logging. A second call changes nothing.
pub(super) fn start(config: &LogConfig) {
    let filter = EnvFilter::new(config.level.as_str());
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // An error means that somebody else in the process has started logging, which is as good.
    drop(started);
}
