//! `compare`: asks a running collector whether a new version of a service fails more often than the one before, for roll-outs.

use std::time::{Duration, Instant};

use clap::Args;
use reqwest::{Client, StatusCode, Url};
use saga_collector::http_client::{self, Trust};
use serde::Deserialize;
use serde_json::Value;

use super::{CliError, block_on, output};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Between two questions while it waits for a verdict.
const INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The service
    #[arg(long, value_name = "NAME")]
    service: String,

    /// Its version before, as `serviceVersion` of its events names it
    #[arg(long, value_name = "VERSION")]
    baseline: String,

    /// The version that is judged
    #[arg(long, value_name = "VERSION")]
    candidate: String,

    /// Only sagas of this type
    #[arg(long, value_name = "TYPE")]
    saga_type: Option<String>,

    /// Only sagas that started at this time or later (RFC 3339, or a date); without it since the candidate was first seen
    #[arg(long, value_name = "TIME")]
    from: Option<String>,

    /// Only sagas that started at this time or earlier; without it until now
    #[arg(long, value_name = "TIME")]
    to: Option<String>,

    /// Up to which difference of failure rates the candidate is not worse; 0.02, two points, if not given
    #[arg(long, value_name = "SHARE")]
    margin: Option<f64>,

    /// Wait so long for a verdict, such as 30m, asking again every 10 s; without it the answer is that of now
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "0s")]
    wait: Duration,

    /// The address of the collector
    #[arg(
        long,
        value_name = "URL",
        env = "SAGA_TRACKER_URL",
        default_value = "http://127.0.0.1:8086"
    )]
    url: Url,

    /// A token of a viewer, if the collector asks for one
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SAGA_TRACKER_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,

    /// Print the answer of GET /api/v1/compare as it is
    #[arg(long)]
    json: bool,
}

/// What is read of the answer; the rest is for people and for `--json`.
#[derive(Debug, Deserialize)]
struct Answer {
    verdict: String,
    summary: String,
}

impl CompareArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        block_on(self.ask())
    }

    async fn ask(self) -> Result<(), CliError> {
        let url = self.address()?;
        let client = http_client::client(Trust::for_url(url.as_str(), None)).map_err(CliError::failed)?;
        let began = Instant::now();
        let (text, answer) = loop {
            let (text, answer) = self.answer(&client, &url).await?;
            let left = self.wait.saturating_sub(began.elapsed());
            if answer.verdict != "NOT_YET_KNOWN" || left.is_zero() {
                break (text, answer);
            }
            tokio::time::sleep(INTERVAL.min(left)).await;
        };
        output::print(&if self.json { text } else { answer.summary + "\n" })?;
        match answer.verdict.as_str() {
            "NOT_WORSE" => Ok(()),
            "WORSE" => Err(CliError::Worse),
            _ => Err(CliError::NotYetKnown),
        }
    }

    fn address(&self) -> Result<Url, CliError> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| CliError::usage("--url: must be an address such as http://127.0.0.1:8086"))?
            .pop_if_empty()
            .extend(["api", "v1", "compare"]);
        let margin = self.margin.map(|margin| margin.to_string());
        let optional = [
            ("sagaType", &self.saga_type),
            ("fromDate", &self.from),
            ("toDate", &self.to),
            ("margin", &margin),
        ];
        let mut query = url.query_pairs_mut();
        query
            .append_pair("service", &self.service)
            .append_pair("baseline", &self.baseline)
            .append_pair("candidate", &self.candidate);
        for (name, value) in optional {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        drop(query);
        Ok(url)
    }

    async fn answer(&self, client: &Client, url: &Url) -> Result<(String, Answer), CliError> {
        let mut request = client.get(url.clone()).timeout(TIMEOUT);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let failed = |error| {
            let reason = http_client::failure(error);
            CliError::failed(format_args!("no answer from {}: {reason}", self.url))
        };
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let text = response.text().await.map_err(failed)?;
        if status != StatusCode::OK {
            return Err(refusal(status, &text));
        }
        let answer = serde_json::from_str(&text);
        let answer = answer.map_err(|error| {
            CliError::failed(format_args!(
                "{} answered something else than a comparison: {error}",
                self.url
            ))
        })?;
        Ok((text + "\n", answer))
    }
}

/// What is wrong with the question is a wrong command; anything else may pass.
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
        status => CliError::failed(format_args!("the collector answered {status}: {reason}")),
    }
}
