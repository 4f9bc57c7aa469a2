//! A broker that can be stopped, a client of it, and what the clients log.

use std::{
    fmt::Debug,
    sync::{Arc, LazyLock, Mutex},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use saga_sdk::{SagaConfig, SagaTrackerClient, SagaType, steps};
use tracing_subscriber::layer::SubscriberExt as _;

pub(crate) struct Harness {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
    pub(crate) config: SagaConfig,
    topic: String,
}

impl Harness {
    /// The topic is the test's own, by which its log lines are found.
    pub(crate) fn new(topic: &str) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(topic, 3, 1).unwrap();
        let config = SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(cluster.bootstrap_servers())
            .service_name("order-service")
            .topic(topic)
            .property("reconnect.backoff.max.ms", "100");
        let topic = topic.to_owned();
        Self {
            cluster,
            config,
            topic,
        }
    }

    pub(crate) fn connect(&self) -> Arc<dyn SagaTrackerClient> {
        saga_sdk::connect(&self.config).unwrap()
    }

    /// Waits until the broker has so many records.
    pub(crate) fn wait_stored(&self, records: i64) {
        let consumer = crate::support::consumer(&self.cluster.bootstrap_servers(), &self.topic);
        eventually(|| stored(&consumer, &self.topic) == records);
    }
}

fn stored(consumer: &rdkafka::consumer::BaseConsumer, topic: &str) -> i64 {
    use rdkafka::consumer::Consumer as _;
    let end = |partition| consumer.fetch_watermarks(topic, partition, Duration::from_secs(10));
    (0..crate::support::PARTITIONS)
        .map(|partition| end(partition).unwrap().1)
        .sum()
}

pub(crate) fn record(tracker: &Arc<dyn SagaTrackerClient>, events: usize) {
    for number in 0..events {
        let saga = tracker
            .order(1)
            .saga(SagaType::ORDER_CREATION, format!("saga-{number}"));
        drop(saga.start(steps::ORDER_CREATED).record());
    }
}

pub(crate) fn eventually(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute");
        thread::sleep(Duration::from_millis(10));
    }
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Waits for a line that holds all of these texts, logged by any thread since the first call of this.
pub(crate) fn wait_logged(texts: &[&str]) {
    eventually(|| {
        let lines = LINES.lock().unwrap();
        lines
            .iter()
            .any(|line| texts.iter().all(|text| line.contains(text)))
    });
}

pub(crate) fn capture_logs() {
    static CAPTURE: LazyLock<()> = LazyLock::new(|| {
        let subscriber = tracing_subscriber::registry().with(Lines);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    LazyLock::force(&CAPTURE);
}

struct Lines;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() > tracing::Level::INFO {
            return;
        }
        let mut line = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn Debug| {
            line.push_str(&format!("{field}={value:?} "));
        });
        LINES.lock().unwrap().push(line);
    }
}
