//! `saga-proof` shows on real parts what Saga Tracker promises: it makes load, does damage, and audits what is left.
//!
//! | part | what |
//! | --- | --- |
//! | `cli` | the commands |
//! | `shapes`, `events` | the sagas that are recorded, made from a seed |
//! | `poison` | records that no collector can store |
//! | `load`, `accounting` | sends them as services would, and keeps what was acknowledged |
//! | `damage`, `headers`, `http` | files, headers of records and requests, as tests and the collector have them |
//! | `parts`, `server`, `readiness`, `memory` | Kafka, PostgreSQL and `saga-server`, to be stopped and watched |
//! | `many_sagas` | a database that is full already |
//! | `topic`, `audit` | what arrived, compared with the accounting |
//! | `progress`, `report` | what the user sees while it works and at the end |
//! | `normal` | what the collector says is normal, against populations that were made |
//! | `plan` | what more events a second need, calculated and simulated |
//! | `runs` | one module for each other command |

mod accounting;
mod audit;
mod cli;
#[path = "../../saga-server/tests/support/damage.rs"]
mod damage;
mod events;
#[path = "../../saga-server/collector/src/kafka/headers.rs"]
mod headers;
mod http;
mod load;
#[path = "../../saga-server/store/tests/plans/many_sagas/mod.rs"]
mod many_sagas;
mod memory;
mod normal;
mod parts;
mod plan;
mod poison;
mod progress;
mod readiness;
mod report;
mod runs;
mod server;
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
