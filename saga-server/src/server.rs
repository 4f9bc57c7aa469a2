//! One running collector: store, ingest and HTTP, started and ended together.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use saga_types::{
    Timestamp,
    definition::{Definitions, LoadError},
};
use thiserror::Error;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use saga_collector::{
    archive::{Archive, ArchiveError},
    dead_letters::{Collect, CollectParts, DeadLetters},
    freshness::{self, Progress},
    health::{Component, Health},
    http_client,
    ingest::{Ingest, IngestParts},
    kafka::IngestError,
    live::Live,
    maintenance::{
        Monitor, RetentionConfig,
        producers::{self, Tender},
        retention::{self, Retention},
    },
    metrics::Metrics,
};
use saga_store::{Store, StoreError, StoreOptions};
use saga_web::{Limits, auth::Access, state::AppState};

/// How often the database is asked how it is, and for the numbers of sagas.
const DATABASE_CHECK_INTERVAL: Duration = Duration::from_secs(5);

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
        /// What the system says.
        error: std::io::Error,
    },
    /// The archive's configuration is wrong.
    #[error("archive.url: {0}")]
    Archive(#[from] ArchiveError),
    /// Kafka's client cannot start or go on.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// A running collector.
pub struct Server {
    address: SocketAddr,
    health: Arc<Health>,
    ingest: Ingest,
    dead_letters: Collect,
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    shutdown_timeout: Duration,
}

impl Server {
    /// Starts a collector. Database and broker need not be reachable yet; until they are, it is not ready.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when something is wrong that time does not mend.
    pub async fn start(config: Config) -> Result<Self, ServerError> {
        http_client::choose_cryptography();
        let definitions = Arc::new(load_definitions(&config)?);
        let options = StoreOptions {
            definitions: definitions.clone(),
            max_connections: config.database.max_connections,
        };
        let store = saga_store::connect(config.database.url.expose(), options).await?;
        let health = Arc::new(Health::starting(&[
            Component::Db,
            Component::Kafka,
            Component::Ingest,
        ]));
        let known_steps = definitions
            .iter()
            .flat_map(|definition| definition.steps().cloned().collect::<Vec<_>>());
        let metrics = Arc::new(Metrics::new(known_steps));
        let listener = listen(config.listen).await?;
        let address = listener.local_addr().unwrap_or(config.listen);
        let progress = Arc::new(Progress::default());
        let ingest = Ingest::start(IngestParts {
            kafka: config.kafka.clone(),
            registry: config.schema_registry.clone(),
            ingest: config.ingest.clone(),
            store: store.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
            progress: progress.clone(),
        })?;
        let dead_letters = Collect::start(CollectParts {
            kafka: config.kafka.clone(),
            registry: config.schema_registry.clone(),
            store: store.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
        })?;
        let stop = CancellationToken::new();
        let redaction = Arc::new(config.redaction);
        let retention = start_retention(&config.retention, &store, &metrics, &stop)?;
        let live = Arc::new(Live::new(redaction.clone(), stop.clone()));
        let state = AppState {
            dead_letters: Arc::new(DeadLetters::new(
                store.clone(),
                config.schema_registry.clone(),
                metrics.clone(),
                redaction.clone(),
            )),
            store: store.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
            access: Arc::new(config.access.clone()),
            redaction,
            progress: progress.clone(),
            definitions: definitions.clone(),
            watch: config.watch,
            live: live.clone(),
            pages: Arc::new(config.pages.clone()),
        };
        let monitor = Monitor {
            store: store.clone(),
            progress: progress.clone(),
            metrics: metrics.clone(),
            definitions: definitions.clone(),
            compensation_overdue_after: config.watch.compensation_overdue_after,
        };
        let tender = Tender {
            store: store.clone(),
            progress: progress.clone(),
            metrics: metrics.clone(),
            named: producers::services(&definitions),
            lost_after: config.watch.events_lost_after,
        };
        let mut tasks = vec![
            tokio::spawn(saga_web::serve(listener, state, Limits::default(), stop.clone())),
            tokio::spawn(live.run(store.clone())),
            tokio::spawn(freshness::keep(
                config.kafka.topic.clone(),
                progress,
                store.clone(),
                metrics.clone(),
                stop.clone(),
            )),
            tokio::spawn(monitor.run(stop.clone())),
            tokio::spawn(tender.run(stop.clone())),
            tokio::spawn(watch_database(store, health.clone(), metrics, stop.clone())),
        ];
        if let Access::Issued { issuer, .. } = config.access {
            tasks.push(tokio::spawn(issuer.keep_fresh(stop.clone())));
        }
        tasks.extend(retention);
        tracing::info!(%address, topic = config.kafka.topic, "started");
        Ok(Self {
            address,
            health,
            ingest,
            dead_letters,
            tasks,
            stop,
            shutdown_timeout: config.shutdown_timeout,
        })
    }

    /// Where it listens; tells the port when any free one was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How its parts are.
    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Runs until told to stop, then ends in order: no new events, the batch in hand, open requests.
    ///
    /// # Errors
    ///
    /// [`ServerError::Ingest`] when ingest cannot go on; the process should end and be started again.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let failure = tokio::select! {
            () = shutdown => None,
            error = self.ingest.ended() => Some(error),
            error = self.dead_letters.ended() => Some(error),
        };
        match failure {
            Some(error) => {
                self.stop.cancel();
                Err(error.into())
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
            tracing::warn!("ingest did not end in time; what it had in hand is read again at the next start");
        }
        for task in self.tasks {
            if tokio::time::timeout_at(deadline, task).await.is_err() {
                tracing::warn!("some requests did not end in time");
            }
        }
        tracing::info!("stopped");
    }
}

/// The built-in definitions and those of the configured folder.
pub(crate) fn load_definitions(config: &Config) -> Result<Definitions, LoadError> {
    let mut definitions = Definitions::built_in();
    if let Some(folder) = &config.definitions_dir {
        definitions.load_dir(folder)?;
    }
    Ok(definitions)
}

/// Nothing, when sagas stay for ever.
fn start_retention(
    config: &RetentionConfig,
    store: &Arc<dyn Store>,
    metrics: &Arc<Metrics>,
    stop: &CancellationToken,
) -> Result<Option<JoinHandle<()>>, ArchiveError> {
    let Some(after) = config.after else {
        return Ok(None);
    };
    let archive = config.archive.as_ref().map(Archive::open).transpose()?;
    let retention = Retention::new(store.clone(), archive, after).alone();
    Ok(Some(tokio::spawn(retention::keep(
        retention,
        metrics.clone(),
        stop.clone(),
    ))))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| ServerError::Listen { address, error })
}

/// Keeps health and the numbers of sagas right, also while no event comes.
async fn watch_database(
    store: Arc<dyn Store>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        match store.check().await {
            Ok(()) => {
                health.up(Component::Db);
            }
            Err(error) => {
                if health.down(Component::Db, error.to_string()) {
                    tracing::error!(%error, "the database is not usable");
                }
            }
        }
        if let Ok(counts) = store.count_by_status().await {
            for (status, count) in counts {
                metrics.set_active(status, count);
            }
        }
        if let Ok(attention) = store.attention(Timestamp::now()).await {
            metrics.set_last_failed(&attention);
        }
        if let Ok(waiting) = store.letters_waiting().await {
            metrics.set_dead_letters_waiting(waiting);
        }
        tokio::select! {
            () = tokio::time::sleep(DATABASE_CHECK_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}
