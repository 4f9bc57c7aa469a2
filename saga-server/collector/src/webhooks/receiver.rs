//! One attempt: a signed request, and what the answer says. Its body is never read.

use std::time::Duration;

use http::{StatusCode, header};
use reqwest::Client;
use saga_types::Timestamp;
use thiserror::Error;

use super::{SigningKey, WebhookConfig};
use crate::{
    http_client::{self, ClientError, Trust},
    secret::Secret,
};

/// The longest time that a receiver may ask for.
const MOST_ASKED: Duration = Duration::from_secs(3_600);

const AGENT: &str = concat!("saga-tracker/", env!("CARGO_PKG_VERSION"));

/// Who is sent to.
#[derive(Clone)]
pub(super) struct Receiver {
    client: Client,
    url: Secret,
    key: SigningKey,
    timeout: Duration,
}

/// Why something was not received.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendError {
    /// The receiver did not take it.
    #[error("answered {status}")]
    Refused {
        /// What it answered.
        status: StatusCode,
        /// After how long it asks to be tried again.
        retry_after: Option<Duration>,
    },
    /// There was no answer.
    #[error("{0}")]
    Unanswered(String),
}

impl Receiver {
    pub(super) fn of(webhook: &WebhookConfig) -> Result<Self, ClientError> {
        let trust = Trust::for_url(webhook.url.expose(), webhook.ca_file.as_deref());
        Ok(Self {
            client: http_client::client_without_redirects(trust)?,
            url: webhook.url.clone(),
            key: webhook.key.clone(),
            timeout: webhook.timeout,
        })
    }

    /// How long an answer may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a body once. Only an answer of 200 to 299 says that it was received.
    pub(super) async fn send(&self, id: &str, body: Vec<u8>) -> Result<StatusCode, SendError> {
        let timestamp_s = Timestamp::now().as_millis().div_euclid(1_000);
        let answer = self
            .client
            .post(self.url.expose())
            .timeout(self.timeout)
            .header(header::USER_AGENT, AGENT)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp_s)
            .header("webhook-signature", self.key.sign(id, timestamp_s, &body))
            .body(body)
            .send()
            .await
            .map_err(|error| SendError::Unanswered(http_client::failure(error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(status);
        }
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Err(SendError::Refused {
            status,
            retry_after: retry_after.map(|seconds| Duration::from_secs(seconds).min(MOST_ASKED)),
        })
    }
}

impl SendError {
    /// After how long the receiver asks to be tried again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Unanswered(_) => None,
        }
    }
}
