//! A Prometheus of a test's own.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Rest, part};

/// A process that ends with the test.
pub(crate) struct Process(Child);

impl Process {
    /// Its log goes to a file of the folder.
    pub(crate) fn start(program: &str, arguments: &[String], folder: &Path) -> Self {
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{program}: {error}")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// The rules that it evaluates, and the Alertmanager.
#[derive(Default)]
pub(crate) struct Alerting {
    pub(crate) rules: String,
    pub(crate) alertmanager: String,
}

pub(crate) struct Prometheus {
    _process: Process,
    _folder: TempDir,
    rest: Rest,
}

impl Prometheus {
    /// Scrapes a tracker every second, under the name that the rules expect.
    pub(crate) async fn start(tracker: &str, alerting: Option<Alerting>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = tracker.strip_prefix("http://").unwrap();
        let mut config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": "saga-tracker", "static_configs": [{"targets": [target]}]}],
        });
        if let Some(Alerting { rules, alertmanager }) = alerting {
            std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
            config["rule_files"] = json!(["rules.yml"]);
            config["alerting"] =
                json!({"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]});
        }
        std::fs::write(folder.path().join("prometheus.yml"), config.to_string()).unwrap();
        let address = free_address();
        let arguments = [
            "--config.file=prometheus.yml".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            format!("--web.listen-address={address}"),
        ];
        let program = part("SAGA_TEST_PROMETHEUS", "Prometheus");
        let prometheus = Self {
            _process: Process::start(&program, &arguments, folder.path()),
            _folder: folder,
            rest: Rest::at(format!("http://{address}")),
        };
        prometheus
            .rest
            .wait_for("/-/ready", "Prometheus ready", |status, _| status == 200)
            .await;
        prometheus
    }

    /// The values that an expression has now, of every series; an error of it fails the test.
    pub(crate) async fn values(&self, expression: &str) -> Vec<f64> {
        let query: String =
            percent_encoding::utf8_percent_encode(expression, percent_encoding::NON_ALPHANUMERIC).collect();
        let (status, answer) = self.rest.get(&format!("/api/v1/query?query={query}")).await;
        assert_eq!(status, 200, "{expression}: {answer}");
        let series = answer["data"]["result"].as_array().unwrap().iter();
        series.map(value).collect()
    }
}

/// Of a series of an instant: its time, and its value as text.
fn value(series: &Value) -> f64 {
    series["value"][1].as_str().unwrap().parse().unwrap()
}
