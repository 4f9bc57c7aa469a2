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

    /// Then distribute the tables of sagas over the workers of Citus. An interrupted run is finished by the next one. All
    /// collectors must be stopped
    #[arg(long, conflicts_with = "undistributed")]
    distributed: bool,

    /// Move distributed tables back to the coordinator instead. All collectors must be stopped
    #[arg(long)]
    undistributed: bool,
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
        let moved = block_on(async {
            let store = saga_store::connect(database.url.expose(), options).await?;
            Ok(match (self.distributed, self.undistributed) {
                (true, _) => Some(store.distribute().await?),
                (_, true) => Some(store.undistribute().await?),
                _ => {
                    store.migrate().await?;
                    None
                }
            })
        })?;
        if !self.undistributed {
            output::print("the database is at the newest version\n")?;
        }
        let place = if self.distributed {
            "distributed"
        } else {
            "on the coordinator"
        };
        match moved {
            Some(tables) if tables.is_empty() => {
                output::print(&format!("all tables of sagas were {place} already\n"))
            }
            Some(tables) => output::print(&format!("now {place}: {}\n", tables.join(", "))),
            None => Ok(()),
        }
    }
}
