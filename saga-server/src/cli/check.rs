//! `config check`: what the collector would run with.

use clap::{Args, Subcommand};

use super::{CliError, output};
use crate::config::{ConfigArgs, load_definitions};

#[derive(Debug, Args)]
pub(super) struct ConfigCommandArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check configuration and definitions as `serve` would, and print every key with its value; secrets are hidden
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

impl ConfigCommandArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let ConfigCommand::Check(args) = self.command;
        let config = args.config.load()?.resolve()?;
        load_definitions(&config.definitions_dirs)?;
        let lines: String = config
            .entries()
            .into_iter()
            .map(|(key, value)| format!("{key}: {value}\n"))
            .collect();
        output::print(&lines)
    }
}
