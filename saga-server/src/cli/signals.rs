//! SIGINT and SIGTERM, which end a running command.

use std::{process, thread, time::Duration};

use super::CliError;

/// What a shutdown may take beyond its configured timeout before the process is ended without one.
const GRACE: Duration = Duration::from_secs(5);
/// How long the last log line has, since writing it may be what hangs.
const LAST_LINE: Duration = Duration::from_millis(200);

/// Bounds the shutdown, whatever hangs in it: `timeout` and some seconds after the first signal the process ends with
/// exit code 1. The thread and the runtime are its own, since those of the command may be what hangs.
pub(super) fn limit_shutdown(timeout: Duration) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format_args!("the runtime cannot start: {error}")))?;
    let signal = {
        let _entered = runtime.enter();
        shutdown()?
    };
    thread::Builder::new()
        .name("shutdown-limit".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                signal.await;
                tokio::time::sleep(timeout + GRACE).await;
            });
            thread::spawn(move || tracing::error!(?timeout, "shutdown takes too long, ending the process"));
            thread::sleep(LAST_LINE);
            process::exit(1);
        })
        .map(drop)
        .map_err(|error| CliError::failed(format_args!("no thread for the limit of the shutdown: {error}")))
}

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
