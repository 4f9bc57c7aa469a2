//! `payment-service [CONFIG_FOLDER]`

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shop::main(env!("CARGO_MANIFEST_DIR"), payment_service::start).await
}
