//! The command `saga-server`.

use std::process::ExitCode;

fn main() -> ExitCode {
    saga_server::cli::run(std::env::args_os())
}
