//!
//! | part | what |
//! | --- | --- |
//! | `shapes`, `events` | the sagas that are recorded, made from a seed |
//! | `parts`, `server`, `readiness`, `memory` | Kafka, PostgreSQL and `saga-server`, to be stopped and watched |
//! | `progress`, `report` | what the user sees while it works and at the end |
//! | `runs` | one module for each command |

mod cli;
mod events;
mod ledger;
mod memory;
mod parts;
mod progress;
mod report;
mod runs;
mod shapes;
mod topic;

use std::process::ExitCode;

use clap::Parser as _;

/// 0 when every promise was kept, 1 when one was broken, 2 when the run could not be carried out.
#[tokio::main]
async fn main() -> ExitCode {
    match cli::Cli::parse().run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
