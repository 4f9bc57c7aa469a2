//! Kafka Connect with Debezium: connectors by its REST interface, with the configuration that the documents name.

use std::{fs, path::Path, process::Command, time::Duration};

use saga_collector::http_client;
use serde_json::{Map, Value};
use sqlx::{Connection, PgConnection};
use url::Url;

use crate::support::{Harness, eventually, part};

/// The worker that `scripts/parts` started, with connectors that read one database.
pub(super) struct Connect {
    base: String,
    client: reqwest::Client,
    database_url: String,
    /// Names and configurations, to be put anew after the worker was killed.
    connectors: Vec<(String, Map<String, Value>)>,
}

impl Connect {
    pub(super) fn to(harness: &Harness) -> Self {
        Self {
            base: part("SAGA_TEST_CONNECT", "Debezium"),
            client: http_client::plain_client(),
            database_url: harness.database_url.clone(),
            connectors: Vec::new(),
        }
    }

    /// A connector by a file of the repository, on this database and with a prefix and a slot of its own.
    pub(super) async fn add(&mut self, name: &str, file: &str, others: &[(&str, &str)]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let mut config = file["config"].as_object().unwrap().clone();
        let database = Url::parse(&self.database_url).unwrap();
        let port = database.port().unwrap().to_string();
        for (key, value) in [
            ("database.hostname", database.host_str().unwrap()),
            ("database.port", port.as_str()),
            ("database.dbname", database.path().trim_start_matches('/')),
            ("database.user", database.username()),
            ("database.password", ""),
            ("topic.prefix", name),
            ("slot.name", name),
            ("publication.name", name),
        ]
        .iter()
        .chain(others)
        {
            config.insert((*key).to_owned(), (*value).into());
        }
        self.connectors.push((name.to_owned(), config));
        self.put(self.connectors.last().unwrap()).await;
    }

    async fn put(&self, (name, config): &(String, Map<String, Value>)) {
        let path = format!("{}/connectors/{name}/config", self.base);
        let answer = self.client.put(path).json(config).send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{name}: {}",
            answer.text().await.unwrap()
        );
    }

    pub(super) async fn wait_until_running(&self) {
        for (name, _) in &self.connectors {
            eventually(&format!("{name} runs"), async || {
                let path = format!("{}/connectors/{name}/status", self.base);
                let Ok(answer) = self.client.get(path).send().await else {
                    return false;
                };
                let status: Value = answer.json().await.unwrap_or_default();
                let task = &status["tasks"][0];
                assert_ne!(task["state"], "FAILED", "{name}: {}", task["trace"]);
                task["state"] == "RUNNING"
            })
            .await;
        }
    }

    /// By SIGKILL, so that what was written since the last stop in good order is written again.
    pub(super) async fn kill_and_start(&self) {
        self.start_after("kill").await;
    }

    /// In good order, so that each connector keeps its place.
    pub(super) async fn stop_and_start(&self) {
        self.start_after("stop").await;
    }

    async fn start_after(&self, end: &str) {
        for word in [end, "start"] {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/parts");
            let status = Command::new(script).args([word, "debezium"]).status().unwrap();
            assert!(status.success(), "scripts/parts {word} debezium");
        }
        for connector in &self.connectors {
            self.put(connector).await;
        }
        self.wait_until_running().await;
    }

    /// Its slots would keep the log of the database for ever.
    pub(super) async fn end(self) {
        for (name, _) in &self.connectors {
            let path = format!("{}/connectors/{name}", self.base);
            let answer = self.client.delete(path).send().await.unwrap();
            assert!(answer.status().is_success(), "{name}: {}", answer.status());
        }
        let mut connection = PgConnection::connect(&self.database_url).await.unwrap();
        for (name, _) in &self.connectors {
            eventually("the slot can be dropped", async || {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let dropped = sqlx::query("SELECT pg_drop_replication_slot($1)").bind(name.as_str());
                dropped.execute(&mut connection).await.is_ok()
            })
            .await;
        }
    }
}
