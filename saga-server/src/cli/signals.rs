//! How a running command is told to end.

use super::CliError;

/// A future that is done at the first SIGINT or SIGTERM. Must be called within the runtime.
#[cfg(unix)]
pub(super) fn shutdown() -> Result<impl Future<Output = ()>, CliError> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| {
        signal(kind).map_err(|error| CliError::failed(format_args!("cannot listen to signals: {error}")))
    };
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// A future that is done at the first Ctrl-C.
#[cfg(not(unix))]
pub(super) fn shutdown() -> Result<impl Future<Output = ()>, CliError> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
