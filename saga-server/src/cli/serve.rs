//! `serve`: the collector itself.

use clap::Args;

use super::{CliError, block_on, logging, signals};
use crate::{
    config::{Config, ConfigArgs},
    server::{Server, ServerError},
};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

impl ServeArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let config = self.config.load()?.resolve()?;
        signals::limit_shutdown(config.shutdown_timeout)?;
        block_on(async {
            let telemetry = logging::start_with_traces(&config.log, config.telemetry.as_ref())?;
            let shutdown = signals::shutdown()?;
            let ended = run(config, shutdown).await;
            telemetry.end().await;
            Ok(ended?)
        })
    }
}

async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
    Server::start(config).await?.run_until(shutdown).await
}
