//! Takes orders, listens to what becomes of them, and confirms or cancels them.
//!
//! It begins each saga and ends it. What it records, and where:
//!
//! | step | status | in |
//! | --- | --- | --- |
//! | `ORDER_CREATED` | `STARTED` | [`Orders::place`] |
//! | `STOCK_RESERVED`, `PAYMENT_COMPLETED` | `IN_PROGRESS` | `events.rs` |
//! | `ORDER_CONFIRMED` | `COMPLETED` | `events.rs` |
//! | `ORDER_CANCELLED` | `FAILED` | [`Orders::cancel`], `events.rs` |
//! | `ORDER_TIMEOUT` | `FAILED` | [`Orders::expire`] |

#![forbid(unsafe_code)]

mod events;
mod http;
mod order;
mod orders;

use std::time::Duration;

use serde::Deserialize;
use shop::{Database, Parts, Service, ShopError};

pub use order::{NewOrder, Order, Status};
pub use orders::Orders;

/// The configuration of the service.
pub type Config = shop::Config<Settings>;

/// The service's own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// When an order that is not confirmed is given up, in milliseconds.
    pub timeout_ms: u64,
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
    let orders = Orders::new(database.clone(), tracker.clone());
    let timeout = Duration::from_millis(config.settings.timeout_ms);

    let parts = Parts {
        listen: config.service.listen,
        kafka: config.kafka,
        database,
        router: http::router(orders.clone()),
        listens_to: vec![topics.stock, topics.payments],
        handler: orders.clone(),
        tracker,
    };
    Ok(Service::start(parts)
        .await?
        .with(|stop| orders.expire_until(stop, timeout)))
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
