//! Calls to a tracker, and how their refusals end a command.

use std::time::Duration;

use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderValue},
};
use saga_collector::{
    http_client::{self, Trust},
    secret::Secret,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Events;
use crate::cli::CliError;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A parameter of a call, with its name.
pub(in crate::cli) type Parameter = (&'static str, String);

/// A tracker that is asked.
pub(in crate::cli) struct Tracker {
    client: Client,
    url: Url,
    token: Option<Secret>,
}

impl Tracker {
    pub(super) fn new(url: Url, token: Option<Secret>) -> Result<Self, CliError> {
        // A header takes any byte from 128 on, and no server reads it as part of a token.
        let is_sent =
            |token: &Secret| token.expose().is_ascii() && HeaderValue::from_str(token.expose()).is_ok();
        if token.as_ref().is_some_and(|token| !is_sent(token)) {
            return Err(CliError::usage(
                "--token: must be letters, digits and signs of ASCII",
            ));
        }
        let client = http_client::client(Trust::for_url(url.as_str(), None)).map_err(CliError::failed)?;
        Ok(Self { client, url, token })
    }

    /// The answer to a call, as it was sent.
    pub(in crate::cli) async fn get(&self, path: &str, query: &[Parameter]) -> Result<String, CliError> {
        let request = self.request(path, query).timeout(TIMEOUT);
        let response = self.send(request).await?;
        response.text().await.map_err(|error| self.away(error))
    }

    /// The answer to a call that changes something, as it was sent.
    pub(in crate::cli) async fn change(
        &self,
        method: Method,
        path: &str,
        query: &[Parameter],
        body: Option<&Value>,
    ) -> Result<String, CliError> {
        let mut request = self.request_to(method, path, query).timeout(TIMEOUT);
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let response = self.send(request).await?;
        response.text().await.map_err(|error| self.away(error))
    }

    /// The answer to a call that has its query already, whatever its status, for those who say themselves what a refusal means.
    pub(in crate::cli) async fn ask(&self, call: &str) -> Result<(StatusCode, String), CliError> {
        let (path, query) = call.split_once('?').unwrap_or((call, ""));
        let mut url = self.below(path);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        let request = self.with_token(self.client.get(url)).timeout(TIMEOUT);
        let response = request.send().await.map_err(|error| self.away(error))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| self.away(error))?;
        Ok((status, text))
    }

    /// Its address, without a slash at the end.
    pub(in crate::cli) fn address(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Server-sent events without end. Nothing is kept for clients that were away: they are answered with a reset first.
    pub(in crate::cli) async fn events(
        &self,
        path: &str,
        query: &[Parameter],
        was_here: bool,
    ) -> Result<Events, CliError> {
        let mut request = self.request(path, query);
        if was_here {
            request = request.header("last-event-id", "0");
        }
        let sent = tokio::time::timeout(TIMEOUT, self.send(request)).await;
        let response = sent.map_err(|_| CliError::failed(format_args!("no answer from {}", self.url)))??;
        Ok(Events::of(response))
    }

    /// What an answer says.
    pub(in crate::cli) fn read<T: DeserializeOwned>(&self, text: &str, what: &str) -> Result<T, CliError> {
        serde_json::from_str(text).map_err(|error| {
            CliError::failed(format_args!(
                "{} answered something else than {what}: {error}",
                self.url
            ))
        })
    }

    fn request(&self, path: &str, query: &[Parameter]) -> RequestBuilder {
        self.request_to(Method::GET, path, query)
    }

    fn request_to(&self, method: Method, path: &str, query: &[Parameter]) -> RequestBuilder {
        let mut url = self.below(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.with_token(self.client.request(method, url))
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url
    }

    fn with_token(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, CliError> {
        let response = request.send().await.map_err(|error| self.away(error))?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let text = response.text().await.map_err(|error| self.away(error))?;
        Err(refusal(status, &text))
    }

    fn away(&self, error: reqwest::Error) -> CliError {
        let reason = http_client::failure(error);
        CliError::failed(format_args!("no answer from {}: {reason}", self.url))
    }
}

/// The path of what belongs to an id. Its first byte is always encoded: else the saga `stream` would be the call of that name.
pub(in crate::cli) fn encoded(id: &str) -> String {
    let is_kept =
        |place: usize, byte: u8| place > 0 && (byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let encode = |(place, byte): (usize, u8)| match is_kept(place, byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    id.bytes().enumerate().map(encode).collect()
}

/// What is wrong with the question is a wrong command, and a token that does not suffice an exit code of its own; anything else may
/// pass.
fn refusal(status: StatusCode, text: &str) -> CliError {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let message = answer["message"].as_str().unwrap_or("no reason is given");
    let details = answer["details"].as_object().into_iter().flatten();
    let details: Vec<String> = details
        .map(|(name, reason)| format!("{name} {}", reason.as_str().unwrap_or_default()))
        .collect();
    let reason = match details.is_empty() {
        true => message.to_owned(),
        false => details.join("; "),
    };
    match status {
        StatusCode::BAD_REQUEST => CliError::usage(reason),
        StatusCode::CONFLICT => CliError::failed(message),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CliError::Refused(message.to_owned()),
        StatusCode::NOT_FOUND if answer["error"] == "NOT_FOUND" => CliError::NotFound(message.to_owned()),
        status => CliError::failed(format_args!("the collector answered {status}: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn an_id_is_no_call_and_no_other_path() {
        for (id, path) in [
            ("stream", "%73tream"),
            ("a/b?c#d", "%61%2Fb%3Fc%23d"),
            ("../x", "%2E%2E%2Fx"),
            ("\u{ae40}", "%EA%B9%80"),
        ] {
            assert_eq!(encoded(id), path);
        }
    }
}
