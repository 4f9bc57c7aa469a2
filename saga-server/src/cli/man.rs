//! `man`: manual pages, made from the help.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;

use super::{CliError, help, output};

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The command, such as dlt list; without one saga-server itself
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Vec<String>,

    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl ManArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let mut command = help::command();
        if let Some(dir) = self.dir {
            return clap_mangen::generate_to(command, &dir)
                .map_err(|error| CliError::failed(format_args!("{}: {error}", dir.display())));
        }
        // Gives commands below others their whole names.
        command.build();
        let mut page = Vec::new();
        Man::new(find(&command, &self.command)?.clone())
            .render(&mut page)
            .map_err(CliError::failed)?;
        output::print(&String::from_utf8_lossy(&page))
    }
}

fn find<'a>(command: &'a Command, names: &[String]) -> Result<&'a Command, CliError> {
    names.iter().try_fold(command, |command, name| {
        let found = command.find_subcommand(name);
        found.ok_or_else(|| CliError::usage(format_args!("{} has no command {name:?}", command.get_name())))
    })
}
