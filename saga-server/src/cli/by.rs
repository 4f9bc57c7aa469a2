//! Who has a command change something.

use clap::Args;
use saga_store::{Actor, Way};

/// The option of commands that write into the log of operations.
#[derive(Debug, Args)]
pub(super) struct ByArgs {
    /// Who asks for it, as it is written down
    #[arg(long, value_name = "NAME", env = "USER", default_value = "command line")]
    by: String,
}

impl ByArgs {
    pub(super) fn actor(self) -> Actor {
        Actor {
            name: self.by,
            role: None,
            way: Way::CommandLine,
            address: None,
        }
    }
}
