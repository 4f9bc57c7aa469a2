//! `order-service [CONFIG_FOLDER]`

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    shop::main(env!("CARGO_MANIFEST_DIR"), order_service::start).await
}
