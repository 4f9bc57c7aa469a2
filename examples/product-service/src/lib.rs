//! Puts articles aside when an order is placed, and back when it is cancelled.
//!
//! Its steps are written in the transaction that reserves or releases, into the outbox of `saga-sdk`, so that the tracker
//! hears of exactly what was committed, whenever the service dies. What it records, and where:
//!
//! | step | status | in |
//! | --- | --- | --- |
//! | `STOCK_RESERVATION` | `IN_PROGRESS` | `reserve.rs` |
//! | `STOCK_RESERVED` | `COMPLETED` | `reserve.rs` |
//! | `STOCK_RESERVATION_FAILED` | `FAILED` | `reserve.rs` |
//! | `STOCK_RELEASED` | `COMPENSATED` | `release.rs` |

#![forbid(unsafe_code)]

mod http;
mod release;
mod reserve;
mod stock;

use std::{collections::BTreeMap, time::Duration};

use saga_sdk::outbox::{Relay, RelayOptions};
use serde::Deserialize;
use shop::{Database, KafkaConfig, Parts, Service, ShopError};

pub use stock::{Reservation, Status, Stock};

/// The configuration of the service.
pub type Config = shop::Config<Settings>;

/// The service's own settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// What lies in the warehouse when the database is new: the articles, and how many of each.
    pub stock: BTreeMap<String, i64>,
    /// Articles that cannot be put back: releasing them fails. To see what a failed compensation looks like.
    #[serde(default)]
    pub unreturnable: Vec<String>,
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
    let stock = Stock::new(database.clone(), tracker.clone(), config.settings).await?;
    let relay =
        Relay::connect(database.pool().clone(), &config.platform.saga)?.options(relay_options(&config.kafka));

    let service = Service::start(Parts {
        listen: config.service.listen,
        kafka: config.kafka,
        database,
        router: http::router(stock.clone()),
        listens_to: vec![topics.orders],
        handler: stock,
        tracker,
    })
    .await?;
    Ok(service.with(async move |stop| relay.run(stop.cancelled_owned()).await))
}

/// The steps leave the outbox as often as the domain events do.
fn relay_options(kafka: &KafkaConfig) -> RelayOptions {
    let mut options = RelayOptions::default();
    options.poll_interval = Duration::from_millis(kafka.relay_interval_ms);
    options
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
