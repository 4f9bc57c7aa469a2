//! One running collector: store, ingest and HTTP, started and ended together.
//!
//! | part | what |
//! | --- | --- |
//! | `definitions` | the definitions as the files say, and collectors that run with others |
//! | `gateway` | events over HTTP, within a collector or alone |
//! | `sources` | topics that exist already, within a collector or a gateway |
//! | `tasks` | the background tasks, and what happens when one of them ends |
//! | `webhooks` | what webhooks need of the collector |
//! | `supervisor` | starts, watches and stops them |

mod definitions;
mod gateway;
mod sources;
mod supervisor;
mod tasks;
mod webhooks;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use saga_collector::{
    archive::{Archive, ArchiveError},
    dead_letters::{CollectParts, DeadLetters, collect},
    freshness::Progress,
    health::{Component, Health},
    http_client::{self, ClientError},
    ingest::{self, IngestParts},
    kafka::{ConsumeThread, ConsumerError},
    live::Live,
    metrics::Metrics,
};
use saga_gateway::Gateway;
use saga_store::{StoreError, StoreOptions};
use saga_types::definition::LoadError;
use saga_web::{Limits, scoped::Sources, state::AppState};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::gateway::GatewayServer;
use self::supervisor::{Supervisor, Task};
pub(crate) use self::{
    gateway::gateway as new_gateway,
    sources::{letter_sources, record_mapper},
};
use crate::config::{Config, load_definitions};

/// Why a collector could not start, or had to end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A definition is wrong.
    #[error("definitions: {0}")]
    Definitions(#[from] LoadError),
    /// The database's configuration is wrong.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address as configured.
        address: SocketAddr,
        /// The error of the system.
        error: std::io::Error,
    },
    /// The archive's configuration is wrong.
    #[error("archive.url: {0}")]
    Archive(#[from] ArchiveError),
    /// The certificates for a webhook are not there.
    #[error("webhooks: {0}")]
    Webhooks(#[from] ClientError),
    /// A background task ended without which the process is of no use.
    #[error("the background task {0} ended unexpectedly; the log says why")]
    TaskEnded(&'static str),
    /// A mapping is wrong.
    #[error("gateway.mappingsDir: {0}")]
    Mapping(#[from] saga_gateway::mapping::MappingLoadError),
    /// A source has no mapping.
    #[error("sources.{0}: there is no mapping of this name in gateway.mappingsDir")]
    NoMapping(String),
    /// The client that writes events cannot start.
    #[error(transparent)]
    Gateway(#[from] saga_sdk::ConnectError),
    /// Kafka's client cannot start or go on.
    #[error(transparent)]
    Ingest(#[from] ConsumerError),
}

/// A running collector.
pub struct Server {
    address: SocketAddr,
    health: Arc<Health>,
    ingest: ConsumeThread,
    dead_letters: ConsumeThread,
    gateway: Arc<Gateway>,
    supervisor: Supervisor,
    stop: CancellationToken,
    shutdown_timeout: Duration,
}

impl Server {
    /// Starts a collector. Database and broker need not be reachable yet; until they are, it is not ready.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when something fails that a retry cannot fix.
    pub async fn start(config: Config) -> Result<Self, ServerError> {
        Self::start_with(config, |task| task).await
    }

    async fn start_with(config: Config, prepare: impl FnMut(Task) -> Task) -> Result<Self, ServerError> {
        http_client::choose_cryptography();
        // Before they are read: a change in between is then loaded again.
        let loaded = definitions::hash(&config.definitions_dirs);
        let definitions = Arc::new(load_definitions(&config.definitions_dirs)?);
        let options = StoreOptions {
            definitions: definitions.clone(),
            max_connections: config.database.max_connections,
        };
        let store = saga_store::connect(config.database.url.expose(), options).await?;
        // A database that is unavailable is waited for; one that can never be used is not.
        if let Err(unusable @ StoreError::Configuration(_)) = store.check().await {
            return Err(unusable.into());
        }
        let health = Arc::new(Health::starting(&[
            Component::Db,
            Component::Kafka,
            Component::Ingest,
        ]));
        let metrics = Arc::new(Metrics::new(definitions::steps(&definitions)));
        metrics
            .process
            .surroundings(config.pages.external_url.as_deref(), &config.pages.owners);
        let listener = listen(config.listen).await?;
        let address = listener.local_addr().unwrap_or(config.listen);
        let progress = Arc::new(Progress::default());
        // Before the first batch, so that it notes failures.
        let webhooks = webhooks::of(&config, &store, &progress, &metrics, &health)?;
        let ingest = ingest::start(IngestParts {
            kafka: config.kafka.clone(),
            registry: config.schema_registry.clone(),
            ingest: config.ingest.clone(),
            store: store.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
            progress: progress.clone(),
        })?;
        let redaction = Arc::new(config.redaction.clone());
        let dead_letters = collect(CollectParts {
            kafka: config.kafka.clone(),
            registry: config.schema_registry.clone(),
            store: store.clone(),
            redaction: redaction.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
        })?;
        let stop = CancellationToken::new();
        let live = Arc::new(Live::new(redaction.clone(), stop.clone()));
        let gateway = Arc::new(gateway::gateway(&config.gateway, &config.kafka)?);
        let letters = DeadLetters::new(
            store.clone(),
            config.schema_registry.clone(),
            metrics.clone(),
            redaction.clone(),
        );
        let letters = Arc::new(letters.with_sources(letter_sources(&gateway, &config.sources)));
        let archive = config.retention.archive.as_ref().map(Archive::open).transpose()?;
        let state = AppState {
            sources: Sources::new(store.clone(), letters.clone(), live.clone()).with_archive(archive),
            health: health.clone(),
            metrics: metrics.clone(),
            access: Arc::new(config.access.clone()),
            redaction,
            progress,
            watch: config.watch,
            streams: Arc::default(),
            pages: Arc::new(config.pages.clone()),
            gateway: gateway.clone(),
        };
        let sources = sources::Surroundings {
            kafka: &config.kafka,
            registry: config.schema_registry.as_ref(),
            skip_unreadable_after: config.ingest.skip_unreadable_after,
            store: Some(store.clone()),
            gateway: &gateway,
            health: &health,
            metrics: &metrics,
        };
        let sources = sources.task(&config.sources, &stop)?;
        let parts = (store, live, letters, webhooks);
        let mut tasks = tasks::of(&config, &state, parts, loaded, &stop)?;
        tasks.extend(sources);
        let http = saga_web::serve(listener, state, Limits::default(), stop.clone());
        tasks.push(Task::essential("http", http));
        let tasks = tasks.into_iter().map(prepare).collect();
        let supervisor = Supervisor::start(tasks, metrics, stop.clone());
        tracing::info!(%address, topic = config.kafka.topic, "started");
        Ok(Self {
            address,
            health,
            ingest,
            dead_letters,
            gateway,
            supervisor,
            stop,
            shutdown_timeout: config.shutdown_timeout,
        })
    }

    /// The address that it listens on, with the port that was chosen for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How its parts are.
    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Runs until `shutdown` is done, then ends in order: no new events, the batch in hand, open requests.
    ///
    /// # Errors
    ///
    /// [`ServerError::Ingest`] when ingest cannot go on, [`ServerError::TaskEnded`] when a task ended that the process cannot
    /// do without; the process should end and be started again.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let failure = tokio::select! {
            () = shutdown => None,
            error = self.ingest.ended() => Some(error.into()),
            error = self.dead_letters.ended() => Some(error.into()),
            task = self.supervisor.failed() => Some(ServerError::TaskEnded(task)),
        };
        match failure {
            Some(error) => {
                self.stop.cancel();
                Err(error)
            }
            None => {
                self.stop().await;
                Ok(())
            }
        }
    }

    async fn stop(self) {
        tracing::info!("stopping");
        self.stop.cancel();
        let deadline = tokio::time::Instant::now() + self.shutdown_timeout;
        let stopped = tokio::join!(
            self.ingest.stop(self.shutdown_timeout),
            self.dead_letters.stop(self.shutdown_timeout)
        );
        if stopped != (true, true) {
            tracing::warn!(
                "ingest did not end in time; its unfinished batch is read again at the next start"
            );
        }
        self.supervisor.join(deadline).await;
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        self.gateway.close(left).await;
        tracing::info!("stopped");
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| ServerError::Listen { address, error })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Mutex};

    use saga_collector::{health::Concern, secret::Secret};

    use super::*;
    use crate::config::Settings;

    /// On a SQLite database of its own, with no broker behind the address.
    fn config(folder: &tempfile::TempDir) -> Config {
        let mut settings = Settings {
            listen: "127.0.0.1:0".parse().ok(),
            ..Settings::default()
        };
        let database = format!("sqlite:{}", folder.path().join("sagas.db").display());
        settings.database.url = Some(Secret::new(database));
        settings.kafka.bootstrap_servers = Some("127.0.0.1:1".to_owned());
        settings.resolve().unwrap()
    }

    fn restarted(metrics: &Metrics) -> BTreeSet<String> {
        let page = metrics.render();
        let lines = page.lines().filter_map(|line| {
            let (task, count) = line
                .strip_prefix("saga_tracker_tasks_ended_total{task=\"")?
                .split_once("\"} ")?;
            (count == "1").then(|| task.to_owned())
        });
        lines.collect()
    }

    #[tokio::test]
    async fn every_background_task_that_panics_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let names = Mutex::new(BTreeSet::new());
        let mut server = Server::start_with(config(&folder), |task| {
            if task.name == "http" {
                return task;
            }
            names.lock().unwrap().insert(task.name.to_owned());
            task.panicking()
        })
        .await
        .unwrap();
        let names = names.into_inner().unwrap();
        let metrics = server.supervisor.metrics.clone();
        let all_restarted = async {
            while restarted(&metrics) != names {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            task = server.supervisor.failed() => panic!("{task} ends the process"),
            () = all_restarted => {}
        }
        assert!(names.len() >= 6, "{names:?}");
        server.stop().await;
    }

    #[tokio::test]
    async fn collectors_with_other_definitions_on_one_database_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let definitions = folder.path().join("definitions");
        std::fs::create_dir(&definitions).unwrap();
        let loan = "sagaType: LOAN\nstartsWith: [LENT]\nforward: [{step: LENT}]\ncompletesWith: [LENT]\n";
        std::fs::write(definitions.join("loan.yml"), loan).unwrap();
        let config = config(&folder);
        let options = StoreOptions {
            definitions: Arc::default(),
            max_connections: 2,
        };
        let store = saga_store::connect(config.database.url.expose(), options)
            .await
            .unwrap();
        store.migrate().await.unwrap();
        let own = Config {
            definitions_dirs: vec![definitions],
            ..config.clone()
        };
        let (first, second) = (
            Server::start(config).await.unwrap(),
            Server::start(own).await.unwrap(),
        );
        for server in [&first, &second] {
            while server.health().warnings().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let warning = &server.health().warnings()[&Concern::Collectors];
            assert!(
                warning.starts_with("1 other collector on this database runs with other definitions"),
                "{warning}"
            );
            let line = r#"saga_tracker_collectors_differing{setting="definitions"} 1"#;
            assert!(server.supervisor.metrics.render().contains(line));
        }
        second.stop().await;
        while !first.health().warnings().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        first.stop().await;
    }

    #[tokio::test]
    async fn the_process_ends_when_nothing_listens_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start_with(config(&folder), |task| match task.name {
            "http" => task.panicking(),
            _ => task,
        });
        let ended = server.await.unwrap().run_until(std::future::pending()).await;
        assert!(matches!(ended, Err(ServerError::TaskEnded("http"))), "{ended:?}");
    }
}
