//! Takes the money when the articles are put aside, and gives it back when the order is cancelled.
//!
//! What it records, and where:
//!
//! | step | status | in |
//! | --- | --- | --- |
//! | `PAYMENT_INITIALIZATION`, again for each retry, and `PAYMENT_INITIALIZED` | `IN_PROGRESS` | `pay.rs` |
//! | `PAYMENT_COMPLETED` | `COMPLETED` | `pay.rs`, [`Payments::settle`] |
//! | `PAYMENT_FAILED` | `FAILED` | `pay.rs` |
//! | `PAYMENT_CANCELLED`, `PAYMENT_REFUNDED` | `COMPENSATED` | `give_back.rs` |

#![forbid(unsafe_code)]

mod give_back;
mod http;
mod pay;
mod payments;

use serde::Deserialize;
use shop::{Database, Parts, Service, ShopError};

pub use payments::{Payment, Payments, Status};

/// The configuration of the service.
pub type Config = shop::Config<Settings>;

/// The service's own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The most that a card is charged, in won.
    pub limit: i64,
    /// How long the payment provider takes, in milliseconds.
    #[serde(default)]
    pub provider_ms: u64,
}

/// Starts the service.
///
/// # Errors
///
/// [`ShopError`] when the configuration is wrong, or Kafka does not answer.
pub async fn start(config: Config) -> Result<Service, ShopError> {
    let topics = config.kafka.topics.clone();
    let database = Database::open(&config.service.database, SCHEMA, topics.clone()).await?;
    let tracker = saga_sdk::connect(&config.platform.saga)?;
    let payments = Payments::new(database.clone(), tracker.clone(), config.settings);

    Service::start(Parts {
        listen: config.service.listen,
        kafka: config.kafka,
        database,
        router: http::router(payments.clone()),
        listens_to: vec![topics.stock, topics.orders],
        handler: payments,
        tracker,
    })
    .await
}

/// The service's own tables.
pub const SCHEMA: &str = include_str!("schema.sql");

/// Runs the service until it is stopped.
///
/// # Errors
///
/// Those of [`start`].
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), ShopError> {
    start(config).await?.run_until(shutdown).await;
    Ok(())
}
