//! One attempt: a signed request, and what the answer says. Its body is never read.

use std::time::{Duration, SystemTime};

use http::{HeaderValue, StatusCode, header};
use reqwest::Client;
use saga_types::Timestamp;
use thiserror::Error;

use super::{SigningKeys, WebhookConfig};
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
    keys: SigningKeys,
    timeout: Duration,
}

/// Why something was not received.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendError {
    /// The receiver did not accept it.
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
            keys: webhook.keys.clone(),
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
            .header("webhook-signature", self.keys.sign(id, timestamp_s, &body))
            .body(body)
            .send()
            .await
            .map_err(|error| SendError::Unanswered(http_client::failure(error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(status);
        }
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        Err(SendError::Refused {
            status,
            retry_after: retry_after.and_then(|value| asked_pause(value, SystemTime::now())),
        })
    }
}

/// What `Retry-After` asks for: seconds, or a date of HTTP. None when it is neither.
fn asked_pause(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let asked = if is_number {
        // A number that is too large asks for the longest time, too.
        text.parse().map_or(MOST_ASKED, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        // A moment that is over asks for no pause.
        date.duration_since(now).unwrap_or_default()
    };
    Some(asked.min(MOST_ASKED))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("3601", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun Nov  6 08:50:07 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(3_600)),
            ("", None),
            ("-1", None),
            ("soon", None),
            ("2026-11-30T00:00:00Z", None),
        ] {
            let asked = asked_pause(&HeaderValue::from_str(text).unwrap(), now);
            assert_eq!(asked, seconds.map(Duration::from_secs), "{text:?}");
        }
    }
}
