//! A whole tracker inside a test, or inside `dev`: embedded Kafka, SQLite, ingest and REST, without any container.

use std::{
    collections::BTreeSet,
    fs::{DirBuilder, OpenOptions},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use saga_sdk::SagaConfig;
use saga_sdk_testkit::EmbeddedKafka;
use saga_types::fold::SagaState;

use super::{DevError, DevInfo};
use crate::{
    config::{Config, ConfigError, RetentionSettings, SecuritySettings, Settings, load_definitions},
    server::{Server, ServerError},
};
use saga_collector::{maintenance::RetentionPeriods, secret::Secret};
use saga_store::{Store, StoreOptions};

/// The database's name in its folder.
pub(crate) const DATABASE_FILE: &str = "saga-tracker.db";

/// How long the parts may take to get ready.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The interval of polling for something awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A tracker of its own for an integration test: services record into it, and it answers as the real one does, since it
/// is the real one, on an embedded Kafka and a SQLite file in a temporary folder.
///
/// [`stop`](Self::stop) ends it in order; one that is merely dropped ends with the runtime. Several may run at once.
///
/// ```
/// use std::time::Duration;
/// use saga_sdk::{SagaStatus, SagaType, steps};
/// use saga_server::EmbeddedTracker;
///
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// let tracker = EmbeddedTracker::start().await?;
/// let client = saga_sdk::connect(&tracker.config("order-service"))?;
/// let saga = client.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
/// saga.start(steps::ORDER_CREATED).record().await?;
/// saga.failed(steps::STOCK_RESERVATION_FAILED, "out of stock").record().await?;
///
/// let state = tracker
///     .eventually("saga-1", Duration::from_secs(20), |state| state.current_status == SagaStatus::Failed)
///     .await;
/// assert_eq!(state.failure_reason.as_deref(), Some("out of stock"));
/// client.close(Duration::from_secs(5)).await;
/// tracker.stop().await?;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(test()).unwrap();
/// ```
pub struct EmbeddedTracker {
    server: Server,
    store: Arc<dyn Store>,
    info: DevInfo,
    // Last, so that they outlive what uses them.
    _kafka: EmbeddedKafka,
    data: DataFolder,
}

impl EmbeddedTracker {
    /// Starts one with the built-in definitions, on free loopback ports, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// [`DevError`] when something cannot start.
    pub async fn start() -> Result<Self, DevError> {
        let settings = Settings {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..Settings::default()
        };
        Self::with(settings, None).await
    }

    /// Starts one with these settings, of which the database and the broker's address are replaced by its own. Its
    /// database is kept in `data_dir`, or deleted at the end.
    ///
    /// # Errors
    ///
    /// [`DevError`] when a setting is wrong or something cannot start.
    pub async fn with(settings: Settings, data_dir: Option<&Path>) -> Result<Self, DevError> {
        Self::run(resolve(settings)?, DataFolder::open(data_dir)?).await
    }

    pub(super) async fn run(mut config: Config, data: DataFolder) -> Result<Self, DevError> {
        let topics: BTreeSet<&str> = [&config.kafka.topic, &config.kafka.dead_letter_topic]
            .into_iter()
            .chain(config.sources.iter().map(|source| &source.topic))
            .map(String::as_str)
            .collect();
        let kafka = EmbeddedKafka::with_topics(&Vec::from_iter(topics))?;
        let database = format!("sqlite:{}", data.path().join(DATABASE_FILE).display());
        kafka
            .bootstrap_servers()
            .clone_into(&mut config.kafka.bootstrap_servers);
        // The mock cluster holds an empty fetch for the whole of this time: what comes meanwhile waits, and each fetch costs.
        config
            .kafka
            .properties
            .insert("fetch.wait.max.ms".to_owned(), "50".to_owned());
        config.database.url = Secret::new(&database);
        // The sagas may be old, such as those restored from an archive.
        config.retention.periods = RetentionPeriods::default();
        let store = migrated(&config).await?;

        let server = Server::start(config.clone()).await?;
        wait_until_ready(&server).await?;
        let info = DevInfo {
            url: format!("http://{}", server.address()),
            bootstrap_servers: kafka.bootstrap_servers().to_owned(),
            topic: config.kafka.topic,
            dlt_topic: config.kafka.dead_letter_topic,
            database,
            sources: config
                .sources
                .into_iter()
                .map(|source| (source.name, source.topic))
                .collect(),
        };
        Ok(Self {
            server,
            store,
            info,
            _kafka: kafka,
            data,
        })
    }

    /// Where REST answers, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.info.url
    }

    /// Where Kafka clients connect, also from other processes.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.info.bootstrap_servers
    }

    /// All addresses and names.
    #[must_use]
    pub fn info(&self) -> &DevInfo {
        &self.info
    }

    /// An enabled configuration of a service that records into it.
    #[must_use]
    pub fn config(&self, service: &str) -> SagaConfig {
        SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(self.bootstrap_servers())
            .topic(&self.info.topic)
            .service_name(service)
    }

    /// The state of a saga, as far as its events have arrived.
    ///
    /// # Panics
    ///
    /// When the database cannot be read.
    pub async fn state(&self, saga_id: &str) -> Option<SagaState> {
        let saga = self.store.saga(saga_id).await;
        let saga = saga.expect("the embedded tracker's database can be read");
        saga.map(|saga| saga.state)
    }

    /// Waits until the saga's state is as wanted, and returns it.
    ///
    /// # Panics
    ///
    /// When it is not within the time; shows the last state.
    pub async fn eventually(
        &self,
        saga_id: &str,
        within: Duration,
        is_wanted: impl Fn(&SagaState) -> bool,
    ) -> SagaState {
        let deadline = Instant::now() + within;
        loop {
            let last = match self.state(saga_id).await {
                Some(state) if is_wanted(&state) => return state,
                other => other,
            };
            assert!(
                Instant::now() < deadline,
                "saga {saga_id} is not as wanted within {within:?}; last seen: {}",
                last.map_or_else(|| "nothing".to_owned(), |state| format!("{state:#?}"))
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Ends it in order: what is on the topic but not yet stored is left.
    ///
    /// # Errors
    ///
    /// [`DevError::Server`] when ingest could not go on before.
    pub async fn stop(self) -> Result<(), DevError> {
        self.run_until(std::future::ready(())).await
    }

    pub(super) async fn run_until(self, shutdown: impl Future<Output = ()>) -> Result<(), DevError> {
        Ok(self.server.run_until(shutdown).await?)
    }

    pub(super) fn data(&self) -> &DataFolder {
        &self.data
    }
}

/// Resolves settings that need not name a database and a broker, since both are embedded; what they say of how those are reached
/// is left out.
pub(crate) fn resolve(mut settings: Settings) -> Result<Config, ConfigError> {
    settings.database.url = Some(Secret::new("sqlite:embedded"));
    settings.kafka.bootstrap_servers = Some("embedded:9092".to_owned());
    settings.kafka.security = SecuritySettings::default();
    settings.kafka.properties.clear();
    settings.resolve()
}

/// The keys that are set and that nothing here reads.
pub(crate) fn unused(settings: &Settings) -> Vec<&'static str> {
    let Settings {
        database,
        kafka,
        retention,
        archive,
        ..
    } = settings;
    let is_set = [
        ("database.url", database.url.is_some()),
        ("kafka.bootstrapServers", kafka.bootstrap_servers.is_some()),
        ("kafka.security", kafka.security != SecuritySettings::default()),
        ("kafka.properties", !kafka.properties.is_empty()),
        ("retention", *retention != RetentionSettings::default()),
        ("archive.url", archive.url.is_some()),
    ];
    let set = is_set.into_iter().filter(|(_, is_set)| *is_set);
    set.map(|(key, _)| key).collect()
}

async fn migrated(config: &Config) -> Result<Arc<dyn Store>, DevError> {
    let definitions = load_definitions(&config.definitions_dirs).map_err(ServerError::from)?;
    let options = StoreOptions {
        definitions: definitions.into(),
        max_connections: 2,
    };
    let store = saga_store::connect(config.database.url.expose(), options).await?;
    store.migrate().await?;
    Ok(store)
}

async fn wait_until_ready(server: &Server) -> Result<(), DevError> {
    let waiting = async {
        while !server.health().is_ready() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(TIMEOUT, waiting)
        .await
        .map_err(|_| DevError::NotReady(TIMEOUT, format!("{:?}", server.health().states())))
}

/// Where the database lives.
pub(super) enum DataFolder {
    Kept(PathBuf),
    /// Deleted when dropped.
    Temporary(tempfile::TempDir),
}

impl DataFolder {
    pub(super) fn open(kept: Option<&Path>) -> Result<Self, DevError> {
        let (folder, path) = match kept {
            Some(path) => (
                make_private(path).map(|()| Self::Kept(path.to_owned())),
                path.to_owned(),
            ),
            None => (private_temporary().map(Self::Temporary), std::env::temp_dir()),
        };
        let folder = folder.map_err(|error| DevError::Io { path, error })?;
        let database = folder.path().join(DATABASE_FILE);
        make_private_file(&database).map_err(|error| DevError::Io {
            path: database,
            error,
        })?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// For this user alone. A folder that was there before keeps the rights that somebody gave it.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The same, with a name of its own.
fn private_temporary() -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// SQLite gives the files beside its database the same rights.
fn make_private_file(database: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(database).map(drop)
}
