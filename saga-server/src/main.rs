//! The command `saga-server`.

use std::process::ExitCode;

/// Events are many small texts, made on one thread and given back on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    saga_server::cli::run(std::env::args_os())
}
