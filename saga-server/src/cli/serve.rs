//! `serve`: the collector itself.

use clap::Args;

use super::{CliError, block_on, logging, signals};
use crate::{config::ConfigArgs, server::Server};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

impl ServeArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let config = self.config.load()?.resolve()?;
        logging::start(&config.log);
        block_on(async {
            let shutdown = signals::shutdown()?;
            Ok(Server::start(config).await?.run_until(shutdown).await?)
        })
    }
}
