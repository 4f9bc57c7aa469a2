//! `completions`: what makes a shell complete commands and options.

use clap::Args;
use clap_complete::{Shell, generate};

use super::{CliError, help, output};

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl CompletionsArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let mut script = Vec::new();
        let mut command = help::command();
        let name = command.get_name().to_owned();
        generate(self.shell, &mut command, name, &mut script);
        output::print(&String::from_utf8_lossy(&script))
    }
}
