//! Asks any REST API, until a timeout.

use std::{fmt, time::Instant};

use serde_json::Value;

use crate::TIMEOUT;

/// REST of one server.
#[derive(Debug, Clone)]
pub struct Rest {
    base: String,
    client: reqwest::Client,
}

impl Rest {
    /// At an address, such as `127.0.0.1:8081`.
    #[must_use]
    pub fn at(address: impl fmt::Display) -> Self {
        Self {
            base: format!("http://{address}"),
            client: saga_collector::http_client::plain_client(),
        }
    }

    /// The status and the body; `None` while there is no listener.
    pub async fn try_get(&self, path: &str) -> Option<(u16, Value)> {
        answer(self.client.get(self.url(path))).await
    }

    /// The status and the body.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.try_get(path)
            .await
            .unwrap_or_else(|| panic!("no answer to {path}"))
    }

    /// Sends something, and gives the status and the body.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = answer(self.client.post(self.url(path)).json(body)).await;
        answer.unwrap_or_else(|| panic!("no answer to {path}"))
    }

    /// Asks until the answer is as wanted.
    pub async fn wait_for(&self, path: &str, what: &str, is_wanted: impl Fn(u16, &Value) -> bool) -> Value {
        let deadline = Instant::now() + TIMEOUT;
        let mut last = None;
        while Instant::now() < deadline {
            last = self.try_get(path).await;
            if let Some((status, body)) = &last
                && is_wanted(*status, body)
            {
                return body.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{path}: {what} did not come true within {TIMEOUT:?}; last answer: {last:?}");
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Option<(u16, Value)> {
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    let text = answer.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}
