//! The way in over HTTP: within a collector, or as a process of its own, which needs no database.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use saga_collector::{
    health::{Component, Health},
    http_client,
    kafka::{KafkaConfig, SaslMechanism, SecurityProtocol},
    metrics::Metrics,
};
use saga_gateway::{
    Gateway, GatewayConfig,
    mapping::{MappingLoadError, Mappings},
    publish::Publisher,
};
use saga_sdk::SagaConfig;
use saga_web::{Limits, state::GatewayState};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    ServerError, listen,
    sources::Surroundings,
    supervisor::{Supervisor, Task},
    tasks,
};
use crate::config::GatewayServerConfig;

/// The name of the gateway towards Kafka, and of the producer of events that name no service.
const SERVICE: &str = "saga-gateway";

/// How often the broker is asked whether it takes events.
const BROKER_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// How many bytes wait for the broker at most.
const BUFFER_BYTES: u64 = 16 * 1024 * 1024;

/// Properties of a producer that the SDK sets itself.
const SET_BY_SDK: [&str; 10] = [
    "message.timeout.ms",
    "delivery.timeout.ms",
    "linger.ms",
    "queue.buffering.max.ms",
    "queue.buffering.max.messages",
    "queue.buffering.max.kbytes",
    "compression.type",
    "compression.codec",
    "partitioner",
    "transactional.id",
];

/// A gateway that writes to the topic of the collector.
///
/// Its mappings are read now; the first error of one is returned.
pub(crate) fn gateway(config: &GatewayConfig, kafka: &KafkaConfig) -> Result<Gateway, MappingLoadError> {
    let publisher = Publisher::new(sdk_config(kafka), config.ack_timeout);
    let gateway = Gateway::new(config.clone(), publisher);
    Ok(match &config.mappings_dir {
        Some(folder) => gateway.with_mappings(Mappings::load_dir(folder)?),
        None => gateway,
    })
}

/// The same broker, as the SDK is configured.
fn sdk_config(kafka: &KafkaConfig) -> SagaConfig {
    let mut config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(&kafka.bootstrap_servers)
        .topic(&kafka.topic)
        .service_name(SERVICE);
    config.buffer.max_bytes = BUFFER_BYTES;
    let (from, security) = (&kafka.security, &mut config.security);
    security.protocol = match from.protocol {
        SecurityProtocol::Plaintext => saga_sdk::SecurityProtocol::Plaintext,
        SecurityProtocol::Ssl => saga_sdk::SecurityProtocol::Ssl,
        SecurityProtocol::SaslPlaintext => saga_sdk::SecurityProtocol::SaslPlaintext,
        SecurityProtocol::SaslSsl => saga_sdk::SecurityProtocol::SaslSsl,
    };
    let secret = |secret: &saga_collector::secret::Secret| saga_sdk::Secret::new(secret.expose());
    let text = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
    security.ca_location = from.ca_file.as_ref().map(text);
    if let Some(own) = &from.certificate {
        security.certificate_location = Some(text(&own.certificate_file));
        security.key_location = Some(text(&own.key_file));
        security.key_password = own.key_password.as_ref().map(secret);
    }
    security.sasl_mechanism = from.mechanism.map(SaslMechanism::as_str).map(str::to_owned);
    security.username.clone_from(&from.username);
    security.password = from.password.as_ref().map(secret);
    let properties = kafka
        .properties
        .iter()
        .filter(|(name, _)| !SET_BY_SDK.contains(&name.as_str()));
    properties.fold(config, |config, (name, value)| config.property(name, value))
}

/// A running gateway without a collector.
pub struct GatewayServer {
    address: SocketAddr,
    health: Arc<Health>,
    gateway: Arc<Gateway>,
    supervisor: Supervisor,
    stop: CancellationToken,
    shutdown_timeout: Duration,
}

impl GatewayServer {
    /// Starts one. The broker need not be reachable yet; until it is, the gateway is not ready.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when something fails that a retry cannot fix.
    pub async fn start(config: GatewayServerConfig) -> Result<Self, ServerError> {
        http_client::choose_cryptography();
        let gateway = Arc::new(gateway(&config.gateway, &config.kafka)?);
        gateway.publisher().connect()?;
        let health = Arc::new(Health::starting(&[Component::Kafka]));
        let metrics = Arc::new(Metrics::new([]));
        let listener = listen(config.listen).await?;
        let address = listener.local_addr().unwrap_or(config.listen);
        let stop = CancellationToken::new();
        let state = GatewayState {
            health: health.clone(),
            metrics: metrics.clone(),
            access: Arc::new(config.access.clone()),
            gateway: gateway.clone(),
        };
        let broker = (gateway.clone(), health.clone());
        let mut tasks = vec![
            Task::essential(
                "http",
                saga_web::serve_gateway(listener, state, Limits::default(), stop.clone()),
            ),
            Task::restarted("broker", &stop, broker, |(gateway, health), stop| {
                watch_broker(gateway, health, stop)
            }),
        ];
        tasks.extend(tasks::issuer(&config.access, &stop));
        let sources = Surroundings {
            kafka: &config.kafka,
            registry: config.schema_registry.as_ref(),
            skip_unreadable_after: config.skip_unreadable_after,
            // Dead letters wait for their topic.
            store: None,
            gateway: &gateway,
            health: &health,
            metrics: &metrics,
        };
        tasks.extend(sources.task(&config.sources, &stop)?);
        let supervisor = Supervisor::start(tasks, metrics, stop.clone());
        tracing::info!(%address, topic = config.kafka.topic, "gateway started");
        Ok(Self {
            address,
            health,
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

    /// Whether the broker takes events.
    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Runs until `shutdown` is done, then ends in order: open requests, and what waits for the broker.
    ///
    /// # Errors
    ///
    /// [`ServerError::TaskEnded`] when nothing listens any more.
    pub async fn run_until(mut self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let failed = tokio::select! {
            () = shutdown => None,
            task = self.supervisor.failed() => Some(task),
        };
        self.stop.cancel();
        if let Some(task) = failed {
            return Err(ServerError::TaskEnded(task));
        }
        tracing::info!("stopping");
        let deadline = Instant::now() + self.shutdown_timeout;
        self.supervisor.join(deadline).await;
        self.gateway
            .close(deadline.saturating_duration_since(Instant::now()))
            .await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Keeps health right, also while no event comes.
async fn watch_broker(gateway: Arc<Gateway>, health: Arc<Health>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let asked = gateway.clone();
        let problem = tokio::task::spawn_blocking(move || asked.publisher().problem()).await;
        match problem {
            Ok(None) => {
                health.up(Component::Kafka);
            }
            Ok(Some(problem)) => {
                // The SDK names its own keys.
                let problem = problem.replace("platform.saga.", "kafka.");
                if health.down(Component::Kafka, problem.clone()) {
                    tracing::error!(problem, "broker does not accept events");
                }
            }
            Err(error) => tracing::error!(%error, "the check of the broker failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(BROKER_CHECK_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}
