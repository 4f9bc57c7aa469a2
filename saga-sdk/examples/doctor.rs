//! Checks the configuration of the current folder and its environment, and says what to do.
//!
//! `cargo run -p saga-sdk --example doctor`

use std::process::ExitCode;

fn main() -> ExitCode {
    let config = match saga_sdk::ConfigLoader::new().load() {
        Ok(config) => config,
        Err(error) => {
            println!("problem: {error}");
            return ExitCode::FAILURE;
        }
    };
    let diagnosis = saga_sdk::doctor(&config);
    print!("{diagnosis}");
    ExitCode::from(u8::from(!diagnosis.is_healthy()))
}
