//! `gateway`: events over HTTP to the topic, without a collector.

use clap::Args;

use super::{CliError, block_on, logging, signals};
use crate::{
    config::{ConfigArgs, GatewayServerConfig},
    server::{GatewayServer, ServerError},
};

#[derive(Debug, Args)]
pub(super) struct GatewayArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

impl GatewayArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let config = self.config.load()?.resolve_gateway()?;
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

async fn run(config: GatewayServerConfig, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
    GatewayServer::start(config).await?.run_until(shutdown).await
}
