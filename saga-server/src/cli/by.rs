//! Who has a command change something.

use std::env;

use clap::Args;
use saga_store::{Actor, Way};

/// The option of commands that write into the log of operations.
#[derive(Debug, Args)]
pub(super) struct ByArgs {
    /// Who asks for it, as it is written down [env: USER] [default: command line]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl ByArgs {
    /// Whether the option is given, and it is not left to the variable.
    pub(super) const fn is_given(&self) -> bool {
        self.by.is_some()
    }

    pub(super) fn actor(self) -> Actor {
        Actor {
            name: self
                .by
                .or_else(|| env::var("USER").ok().filter(|name| !name.is_empty()))
                .unwrap_or_else(|| "command line".to_owned()),
            role: None,
            way: Way::CommandLine,
            address: None,
        }
    }
}
