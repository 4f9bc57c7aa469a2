//! One running service: HTTP, consumer, relay, and what it does by the clock, started and ended together.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use saga_sdk::SagaTrackerClient;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Database, Handler, KafkaConfig, ShopError,
    consume::{self, Consumption},
    outbox::Relay,
};

/// How long the parts have to end.
const GRACE: Duration = Duration::from_secs(10);

/// What a service is made of.
pub struct Parts<H> {
    /// Where HTTP is answered.
    pub listen: SocketAddr,
    /// How Kafka is reached.
    pub kafka: KafkaConfig,
    /// The service's database.
    pub database: Database,
    /// What HTTP answers; `GET /health` is added.
    pub router: Router,
    /// Whose events are listened to.
    pub listens_to: Vec<String>,
    /// What is done with them.
    pub handler: H,
    /// Closed at the end, when nothing records any more.
    pub tracker: Arc<dyn SagaTrackerClient>,
}

/// A running service.
pub struct Service {
    address: SocketAddr,
    tracker: Arc<dyn SagaTrackerClient>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Service {
    /// Starts everything. Makes the topics when they are missing, so the broker must be there.
    ///
    /// # Errors
    ///
    /// [`ShopError`] when the broker does not answer or the address is taken.
    pub async fn start<H: Handler>(parts: Parts<H>) -> Result<Self, ShopError> {
        let client = parts.kafka.client();
        parts.kafka.topics.ensure(&client).await?;
        let listens_to: Vec<&str> = parts.listens_to.iter().map(String::as_str).collect();
        let consumption = Consumption {
            consumer: consume::consumer(&client, &parts.kafka.group, &listens_to)?,
            database: parts.database.clone(),
            handler: parts.handler,
        };
        let relay = Relay {
            database: parts.database,
            client,
            interval: Duration::from_millis(parts.kafka.relay_interval_ms.max(1)),
        };
        let listener = listen(parts.listen).await?;
        let address = listener.local_addr().unwrap_or(parts.listen);

        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        tasks.spawn(consumption.run(stop.clone()));
        tasks.spawn(relay.run(stop.clone()));
        tasks.spawn(serve(listener, parts.router, stop.clone()));
        tracing::info!(%address, tracked = parts.tracker.is_enabled(), "started");
        Ok(Self {
            address,
            tracker: parts.tracker,
            tasks,
            stop,
        })
    }

    /// Adds something that the service does beside that, until it is stopped.
    #[must_use]
    pub fn with<F>(mut self, task: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.stop.clone()));
        self
    }

    /// Where it listens; tells the port when any free one was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until stopped, then ends in order: requests and messages in progress first, then what was recorded.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
        self.stop.cancel();
        let ending = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ending).await.is_err() {
            tracing::warn!("something did not end in time");
        }
        let report = self.tracker.close(GRACE).await;
        if !report.is_complete() {
            tracing::warn!(left = report.left, "recorded steps were not delivered");
        }
        tracing::info!("stopped");
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ShopError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| ShopError::Listen { address, error })
}

async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let router = router.route("/health", get(async || "up"));
    if let Err(error) = axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
    {
        tracing::error!(%error, "HTTP ended");
    }
}
