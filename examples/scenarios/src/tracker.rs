//! The collector, in this process.

use saga_server::server::Server;
use serde_json::Value;

use crate::{
    Harness, Rest,
    running::{Running, stop_signal},
};

/// A running collector, asked through its REST only.
pub struct Tracker {
    rest: Rest,
    running: Running,
}

impl Tracker {
    /// Starts one, and waits until it is ready.
    pub async fn start(harness: &Harness) -> Self {
        let server = Server::start(harness.tracker().await).await.unwrap();
        let rest = Rest::at(server.address());
        let running =
            Running::start(|stopped| async move { server.run_until(stop_signal(stopped)).await.unwrap() });
        rest.wait_for("/health/readiness", "ready", |status, _| status == 200)
            .await;
        Self { rest, running }
    }

    /// The saga, once it stands as wanted.
    pub async fn saga(&self, saga_id: &str, what: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        self.rest
            .wait_for(&format!("/api/v1/sagas/{saga_id}"), what, |status, saga| {
                status == 200 && is_wanted(saga)
            })
            .await
    }

    /// The saga, once it has so many steps; fewer are not all, and more are wrong.
    pub async fn saga_of(&self, saga_id: &str, status: &str, steps: usize) -> Value {
        let saga = self
            .saga(saga_id, &format!("{steps} steps"), |saga| {
                saga["stepCount"] == steps
            })
            .await;
        assert_eq!(saga["currentStatus"], status, "{saga}");
        assert_eq!(saga["anomalies"], Value::Array(Vec::new()), "{saga}");
        saga
    }

    /// Asserts the steps of a saga, in any order: what the services do side by side may come in either.
    pub async fn assert_steps(&self, saga_id: &str, expected: &[&str]) {
        let (mut seen, mut expected) = (self.steps(saga_id).await, expected.to_vec());
        seen.sort();
        expected.sort_unstable();
        assert_eq!(seen, expected);
    }

    /// The steps of a saga in order, each as `service STEP STATUS`, such as `order ORDER_CREATED STARTED`.
    pub async fn steps(&self, saga_id: &str) -> Vec<String> {
        let (_, answer) = self.rest.get(&format!("/api/v1/sagas/{saga_id}/steps")).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let line = |step: &Value| {
            let service = text(&step["producerService"]);
            let service = service.trim_end_matches("-service");
            format!("{service} {} {}", text(&step["step"]), text(&step["status"]))
        };
        answer["steps"].as_array().unwrap().iter().map(line).collect()
    }

    /// Any other question.
    #[must_use]
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// Stops it in order.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}
