//! The command `saga-server`.

use std::process::ExitCode;

/// Storing an event makes and frees some hundred small texts, on whichever thread goes on with the batch. The C library's
/// allocator took a fifth of the collector's processor time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    saga_server::cli::run(std::env::args_os())
}
