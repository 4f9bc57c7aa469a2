//! `migrate`: the database's tables.

use std::sync::Arc;

use clap::Args;
use saga_types::definition::Definitions;

use super::{CliError, block_on, logging, output};
use crate::config::ConfigArgs;
use saga_store::StoreOptions;

#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

impl MigrateArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        let database = settings.database()?;
        logging::start(&settings.log());
        // Tables do not depend on definitions.
        let options = StoreOptions {
            definitions: Arc::new(Definitions::none()),
            max_connections: 2,
        };
        block_on(async {
            Ok(saga_store::connect(database.url.expose(), options)
                .await?
                .migrate()
                .await?)
        })?;
        output::print("the database is at the newest version\n")
    }
}
