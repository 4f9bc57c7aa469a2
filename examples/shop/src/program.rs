//! What the `main` of each service does.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::de::DeserializeOwned;
use tracing_subscriber::EnvFilter;

use crate::{Config, Service, ShopError, load};

/// Reads the configuration from the folder that the first argument names, else from `default_folder`, starts the
/// service, and runs it until Ctrl-C or SIGTERM.
pub async fn main<S: DeserializeOwned>(
    default_folder: &str,
    start: impl AsyncFnOnce(Config<S>) -> Result<Service, ShopError>,
) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from(default_folder), PathBuf::from);
    match run(&folder, start).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            ExitCode::FAILURE
        }
    }
}

async fn run<S: DeserializeOwned>(
    folder: &Path,
    start: impl AsyncFnOnce(Config<S>) -> Result<Service, ShopError>,
) -> Result<(), ShopError> {
    let service = start(load(folder)?).await?;
    service.run_until(shutdown_signal()).await;
    Ok(())
}

#[cfg(unix)]
async fn shutdown_signal() {
    use tokio::signal::unix::{SignalKind, signal};

    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => signals.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

#[cfg(not(unix))]
async fn shutdown_signal() {
    // Without a signal handler it is ended by force, which costs nothing but time at the next start.
    let _ = tokio::signal::ctrl_c().await;
}
