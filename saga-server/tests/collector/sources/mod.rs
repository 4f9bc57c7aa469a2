//! Topics that exist already: their records, through a real broker, to the sagas that their mappings make of them.

mod connect;
mod debezium;
mod faults;
mod formats;
mod poison;
mod replay;

use std::process::Command;

use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};
use saga_gateway::source::SourceFormat;
use saga_server::config::{Config, SourceConfig};
use serde_json::Value;

use crate::support::{Harness, Rest, TestProducer, create_topics, running::Running};

/// Takes documents of one form; each source finds its fields somewhere else.
pub(crate) const RULES: &str = "
defaults:
  sagaId: DOC.order
  orderId: DOC.order
  sagaType: ORDER_CREATION
  service: \"'order-service'\"
rules:
  - when: DOC.type == 'OrderPlaced'
    step: ORDER_CREATED
    status: STARTED
    metadata: { amount: DOC.total }
  - when: DOC.type == 'PaymentRefused'
    step: PAYMENT_FAILED
    status: FAILED
    metadata: { failureReason: DOC.reason }
";

/// Sources on a harness, with the folder of their mappings.
pub(crate) struct Sources {
    pub(crate) harness: Harness,
    folder: tempfile::TempDir,
    config: Config,
}

impl Sources {
    pub(crate) async fn new() -> Self {
        Self::on(Harness::new().await)
    }

    fn on(harness: Harness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = harness.config();
        config.gateway.mappings_dir = Some(folder.path().to_owned());
        Self {
            harness,
            folder,
            config,
        }
    }

    /// One more source, with a topic of its own.
    pub(crate) async fn add(&mut self, name: &str, format: SourceFormat, mapping: &str) -> TestProducer {
        let producer = self.add_without_topic(name, format, mapping);
        create_topics(&self.harness.bootstrap_servers, &[producer.topic()]).await;
        producer
    }

    fn add_without_topic(&mut self, name: &str, format: SourceFormat, mapping: &str) -> TestProducer {
        let topic = format!("{}.{name}", self.harness.group);
        self.add_on(name, &topic, format, mapping);
        TestProducer::to(&self.harness.bootstrap_servers, &topic)
    }

    /// A source on a topic that others write.
    fn add_on(&mut self, name: &str, topic: &str, format: SourceFormat, mapping: &str) {
        let file = self.folder.path().join(format!("{name}.yml"));
        std::fs::write(file, mapping).unwrap();
        self.config.sources.push(SourceConfig {
            name: name.to_owned(),
            topic: topic.to_owned(),
            format,
            group: format!("{}-{name}", self.harness.group),
            properties: [].into(),
        });
    }

    pub(crate) async fn start(&self) -> Running {
        Running::with(self.config.clone()).await
    }

    /// What `map` shows of the first source's topic.
    fn map_topic(&self, limit: usize) -> Value {
        let source = &self.config.sources[0];
        let mapping = self.folder.path().join(format!("{}.yml", source.name));
        let output = Command::new(env!("CARGO_BIN_EXE_saga-server"))
            .args([
                "map",
                "--dry-run",
                "--json",
                "--topic",
                &source.topic,
                "--mapping",
            ])
            .arg(mapping)
            .args(["--format", source.format.as_str(), "--limit", &limit.to_string()])
            .env("KAFKA_BOOTSTRAP_SERVERS", &self.harness.bootstrap_servers)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The same sources, as the environment names them.
    fn variables(&self) -> [(&'static str, String); 2] {
        let sources: Vec<String> = self
            .config
            .sources
            .iter()
            .map(|source| {
                format!(
                    "{}={},{},{}",
                    source.name,
                    source.topic,
                    source.format.as_str(),
                    source.group
                )
            })
            .collect();
        let folder = self.folder.path().to_string_lossy().into_owned();
        [
            ("SAGA_SERVER_SOURCES", sources.join(";")),
            ("SAGA_SERVER_GATEWAY_MAPPINGS_DIR", folder),
        ]
    }
}

/// Sends values that have headers.
fn send_with(producer: &TestProducer, key: &str, value: Option<&str>, headers: &[(&str, &str)]) {
    let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(value.as_bytes()),
        })
    });
    let topic = producer.topic();
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).key(key.as_bytes()).headers(headers);
    record.payload = value.map(str::as_bytes);
    producer.send_record(record);
}

fn send(producer: &TestProducer, key: &str, value: &str) {
    send_with(producer, key, Some(value), &[]);
}

/// The saga that both rules make, as it must be whatever it came by.
async fn is_refused_order(rest: &Rest, saga_id: &str) -> Value {
    let saga = rest.saga_with_steps(saga_id, 2).await;
    assert_eq!(saga["currentStatus"], "FAILED", "{saga}");
    assert_eq!(saga["services"], serde_json::json!(["order-service"]), "{saga}");
    saga
}

async fn metrics(rest: &Rest) -> String {
    match rest.get("/metrics").await.1 {
        Value::String(text) => text,
        other => panic!("{other}"),
    }
}

/// Waits until so many records of a source had this outcome.
async fn wait_for_outcome(rest: &Rest, source: &str, outcome: &str, count: usize) {
    let line =
        format!("saga_tracker_source_records_total{{source=\"{source}\",outcome=\"{outcome}\"}} {count}\n");
    rest.wait_for("/metrics", &line, |_, page| {
        page.as_str().is_some_and(|page| page.contains(&line))
    })
    .await;
}

async fn wait_for_source(rest: &Rest, source: &str, status: &str) -> Value {
    let health = rest
        .wait_for("/health", &format!("{source} is {status}"), |_, health| {
            health["sources"][source]["status"] == status
        })
        .await;
    health["sources"][source].clone()
}
