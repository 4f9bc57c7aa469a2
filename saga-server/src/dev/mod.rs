//! A whole collector in one process, for trying it out: embedded broker, SQLite, REST.
//!
//! | part | what |
//! | --- | --- |
//! | `embedded` | a whole tracker inside a test, or inside `dev` |
//! | `demo`, `parcels`, `incidents` | the example services, their customers, and what goes wrong beside the orders |
//! | `surroundings` | what those services need of the process around them |

mod demo;
mod embedded;
mod incidents;
mod parcels;
mod surroundings;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use saga_sdk_testkit::{EmbeddedKafka, EmbeddedKafkaError};
use serde::Serialize;
use thiserror::Error;

use crate::{
    config::{Config, ConfigError},
    dev::{demo::Demo, embedded::DataFolder, surroundings::Surroundings},
    server::ServerError,
};
use saga_store::StoreError;

pub use embedded::EmbeddedTracker;
pub(crate) use embedded::{DATABASE_FILE, resolve, unused};

/// The options of `dev`.
#[derive(Debug, Clone)]
pub struct DevOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the database is kept between runs; without it, in a folder that is deleted at the end.
    pub data_dir: Option<PathBuf>,
    /// Where to write the addresses once everything is ready.
    pub info_file: Option<PathBuf>,
    /// Whether the example services run too, with customers who place orders.
    pub demo: bool,
}

/// Why `dev` could not start, or had to end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DevError {
    /// A folder or file cannot be written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// The embedded broker cannot start.
    #[error("the embedded broker cannot start: {0}")]
    Broker(#[from] EmbeddedKafkaError),
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The tables cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The collector cannot start or go on.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// An example service cannot start.
    #[error("the demo cannot start: {0}")]
    Demo(#[from] shop::ShopError),
    /// A part did not get ready.
    #[error("not ready after {0:?}: {1}")]
    NotReady(Duration, String),
}

/// Where everything is, as written to the info file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DevInfo {
    /// Where REST answers.
    pub url: String,
    /// Where Kafka clients connect, also from other processes.
    pub bootstrap_servers: String,
    /// The topic for events.
    pub topic: String,
    /// The topic for dead letters.
    pub dlt_topic: String,
    /// The URL of the database.
    pub database: String,
    /// The topics of sources, by the sources' names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, String>,
}

/// Runs everything until `shutdown` is done. `config` gives what the options do not, such as topic names and definitions.
///
/// # Errors
///
/// [`DevError`] when something cannot start or a file cannot be written.
pub async fn run(
    options: DevOptions,
    mut config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), DevError> {
    config.listen = options.listen;
    let data = DataFolder::open(options.data_dir.as_deref())?;
    if options.demo {
        // Before those of the caller, which may replace them.
        config
            .definitions_dirs
            .insert(0, parcels::write_definitions(data.path())?);
    }
    let tracker = EmbeddedTracker::run(config, data).await?;
    let demo = if options.demo {
        Some(start_demo(tracker.info(), tracker.data()).await?)
    } else {
        None
    };
    print_banner(tracker.info(), tracker.data(), options.demo);
    if let Some(path) = &options.info_file {
        write_info(path, tracker.info())?;
    }
    // The services first, so that their last steps are still taken in.
    let shutdown = async {
        shutdown.await;
        if let Some(demo) = demo {
            demo.stop().await;
        }
    };
    tracker.run_until(shutdown).await
}

async fn start_demo(info: &DevInfo, data: &DataFolder) -> Result<Demo, DevError> {
    let surroundings = Surroundings {
        url: &info.url,
        bootstrap_servers: &info.bootstrap_servers,
        topic: &info.topic,
        folder: data.path(),
    };
    Ok(Demo::start(&surroundings).await?)
}

/// Written beside and then renamed, so that a reader that waits for the file never reads half of it.
fn write_info(path: &Path, info: &DevInfo) -> Result<(), DevError> {
    let beside = path.with_extension("partial");
    let json = serde_json::to_string_pretty(info).unwrap_or_default();
    std::fs::write(&beside, json + "\n")
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| DevError::Io {
            path: path.to_owned(),
            error,
        })
}

#[expect(clippy::print_stdout, reason = "the banner is this command's output")]
fn print_banner(info: &DevInfo, data: &DataFolder, demo: bool) {
    let kept = match data {
        DataFolder::Kept(path) => format!("kept in {}", path.display()),
        DataFolder::Temporary(_) => "deleted at the end (--data-dir keeps it)".to_owned(),
    };
    let orders = if demo {
        "The demo's order, product and payment services place and handle an order every second; every third is shipped,\n\
         with a saga for each parcel (definitions in the data folder). After a minute payment-service 2.8.0 replaces\n\
         2.7.1, and is worse; two services write records that are no events, and one status is set by hand."
    } else {
        "With --demo, example services place and handle an order every second."
    };
    let sources: String = info
        .sources
        .iter()
        .map(|(name, topic)| format!("  source     {name}, of the topic {topic}\n"))
        .collect();
    println!(
        "Saga Tracker is ready.\n\n  \
         pages      {url}\n  \
         sagas      {url}/api/v1/sagas\n  \
         metrics    {url}/metrics\n  \
         Kafka      {bootstrap}  (topic {topic}, dead letters {dlt})\n  \
         database   {database}, {kept}\n\
         {sources}\n\
         Record into it from any process:\n  \
         PLATFORM_SAGA_ENABLED=true PLATFORM_SAGA_BOOTSTRAP_SERVERS={bootstrap} cargo run -p smallest\n\n\
         {orders}\n\n\
         The embedded broker is for trials: it keeps events in memory only, {partition_mib} MiB for each\n\
         partition (about 12,000 events); beyond that the oldest vanish. `saga-server serve` uses a real broker.\n\
         End with Ctrl-C.",
        url = info.url,
        bootstrap = info.bootstrap_servers,
        topic = info.topic,
        dlt = info.dlt_topic,
        database = info.database,
        partition_mib = EmbeddedKafka::PARTITION_MIB,
    );
}
