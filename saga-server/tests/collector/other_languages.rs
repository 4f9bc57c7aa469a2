//! Services in other languages, with a schema registry: what they write is stored, and they read what the SDK writes.

use std::{env, path::PathBuf, process::Command, time::Duration};

use crate::support::{Harness, part, running::Running};
use saga_collector::{ingest::RegistryConfig, secret::Secret};
use saga_sdk::{SagaConfig, SagaType, steps};
use serde_json::{Value, json};

/// A program in another language with the commands "write" and "read".
type Language = fn() -> Command;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn python() -> Command {
    python_program("python/registry.py")
}

fn java() -> Command {
    java_program("java/Events.java")
}

pub(crate) fn python_program(file: &str) -> Command {
    let mut command = Command::new(part(
        "SAGA_TEST_PYTHON",
        "Python with confluent-kafka and fastavro",
    ));
    command.arg(folder().join(file));
    command
}

pub(crate) fn java_program(file: &str) -> Command {
    let mut command = java_with(&class_path());
    command.arg(folder().join(file));
    command
}

pub(crate) fn class_path() -> String {
    part("SAGA_TEST_JAVA_CLASS_PATH", "the jars of kafka-clients and Avro")
}

pub(crate) fn java_with(class_path: &str) -> Command {
    let mut command = java_tool("java");
    command.args([
        "-Xmx128m",
        "-Dfile.encoding=UTF-8",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    ]);
    command.args(["-cp", class_path]);
    command
}

pub(crate) fn java_tool(name: &str) -> Command {
    Command::new(env::var("JAVA_HOME").map_or_else(|_| name.to_owned(), |home| format!("{home}/bin/{name}")))
}

/// A topic, a registry, and a server with both.
struct Stage {
    harness: Harness,
    registry: String,
    server: Running,
}

impl Stage {
    async fn new() -> Self {
        let registry = part("SCHEMA_REGISTRY_URL", "a schema registry");
        let harness = Harness::new().await;
        let mut config = harness.config();
        config.schema_registry = Some(RegistryConfig {
            url: Secret::new(&registry),
            ca_file: None,
        });
        let server = Running::with(config).await;
        Self {
            harness,
            registry,
            server,
        }
    }

    async fn run(&self, language: Language, word: &str, further: &[(&str, &str)]) -> String {
        let mut command = language();
        command.arg(word);
        command.args(["--bootstrap-servers", &self.harness.bootstrap_servers]);
        command.args(["--topic", &self.harness.topic, "--registry", &self.registry]);
        for (name, value) in further {
            command.args([name, value]);
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a service with the SDK records.
    async fn record(&self, saga_id: &str) {
        let mut config = SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(&self.harness.bootstrap_servers)
            .service_name("order-service")
            .topic(&self.harness.topic);
        config.schema_registry.url = Some(self.registry.clone());
        config.schema_registry.auto_register = true;
        let tracker = saga_sdk::connect(&config).unwrap();
        let saga = tracker.order("ORD-1").saga(SagaType::ORDER_CREATION, saga_id);
        let step = saga.start(steps::ORDER_CREATED).with("customerId", "Zoë");
        step.record().await.unwrap();
        let custom = tracker
            .order("ORD-1")
            .saga(SagaType::new("LOAN_APPROVAL").unwrap(), saga_id);
        custom.complete("LOAN_PAID").record().await.unwrap();
        assert!(tracker.close(Duration::from_secs(60)).await.is_complete());
    }
}

async fn speaks_with_the_server_and_the_sdk(language: Language) {
    let stage = Stage::new().await;
    let schemas = format!("{}/../schemas", env!("CARGO_MANIFEST_DIR"));
    let sagas = [("--saga-id-v1", "theirs-1"), ("--saga-id-v2", "theirs-2")];
    let further = [&[("--schemas", schemas.as_str())][..], &sagas].concat();
    stage.run(language, "write", &further).await;
    let v1 = stage.server.rest.saga_with_steps("theirs-1", 1).await;
    assert_eq!(
        (&v1["sagaType"], &v1["orderId"]),
        (&json!("ORDER_CREATION"), &json!("ORD-theirs-1"))
    );
    let (_, steps) = stage.server.rest.get("/api/v1/sagas/theirs-1/steps").await;
    assert_eq!(steps["steps"][0]["metadata"]["customerId"], "Zoë");
    let v2 = stage.server.rest.saga_with_steps("theirs-2", 1).await;
    assert_eq!(v2["sagaType"], "LOAN_APPROVAL");

    stage.record("ours").await;
    let read = stage
        .run(language, "read", &[("--saga-id", "ours"), ("--count", "2")])
        .await;
    let events: Vec<Value> = read
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reported = |event: &Value| {
        let field = |name: &str| event[name].as_str().map(str::to_owned);
        ["sagaType", "sagaTypeName", "step", "status", "orderId"].map(field)
    };
    let expected = |fields: [Option<&str>; 5]| fields.map(|field| field.map(str::to_owned));
    assert_eq!(
        reported(&events[0]),
        expected([
            Some("ORDER_CREATION"),
            None,
            Some("ORDER_CREATED"),
            Some("STARTED"),
            Some("ORD-1")
        ])
    );
    assert_eq!(
        reported(&events[1]),
        expected([
            Some("CUSTOM"),
            Some("LOAN_APPROVAL"),
            Some("LOAN_PAID"),
            Some("COMPLETED"),
            Some("ORD-1")
        ])
    );
    let metadata: Value = serde_json::from_str(events[0]["metadata"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&metadata["customerId"], &metadata["producerService"]),
        (&json!("Zoë"), &json!("order-service"))
    );
    assert!(
        events[0]["recordedAt"].as_i64().unwrap() > 1_600_000_000_000,
        "{read}"
    );
    stage.server.rest.saga_with_steps("ours", 2).await;
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jvm_service_speaks_with_the_server_and_the_sdk() {
    speaks_with_the_server_and_the_sdk(java).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_service_speaks_with_the_server_and_the_sdk() {
    speaks_with_the_server_and_the_sdk(python).await;
}
