//! `mcp`: questions of a language model on standard input and output, answered by a running collector.
//!
//! Rule of thumb: standard output is the protocol's; a collector that is away is an answer in words and not the end of the command.

use std::time::Duration;

use clap::Args;
use http::request::Parts;
use reqwest::{Client, Url};
use saga_collector::{
    http_client::{self, Trust},
    secret::Secret,
};
use saga_mcp::{Answered, Ask, stdio};

use super::{CliError, block_on};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct McpArgs {
    /// The address of the collector
    #[arg(
        long,
        value_name = "URL",
        env = "SAGA_TRACKER_URL",
        default_value = "http://127.0.0.1:8086"
    )]
    url: Url,

    /// A token of a viewer, or of an operator for dead letters, if the collector asks for one
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SAGA_TRACKER_TOKEN",
        hide_env_values = true
    )]
    token: Option<Secret>,
}

impl McpArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let ask = OverHttp::of(self)?;
        block_on(async { stdio::serve(ask).await.map_err(CliError::failed) })
    }
}

/// A collector elsewhere, asked with one token.
#[derive(Clone)]
struct OverHttp {
    client: Client,
    /// Without a slash at its end.
    base: String,
    token: Option<Secret>,
}

impl OverHttp {
    fn of(args: McpArgs) -> Result<Self, CliError> {
        let url = args.url;
        let is_more = !url.username().is_empty() || url.query().is_some() || url.fragment().is_some();
        if is_more || !["http", "https"].contains(&url.scheme()) {
            return Err(CliError::usage(
                "--url: must be an address such as http://127.0.0.1:8086, without a user and a query",
            ));
        }
        let client = http_client::client(Trust::for_url(url.as_str(), None)).map_err(CliError::failed)?;
        Ok(Self {
            client,
            base: url.as_str().trim_end_matches('/').to_owned(),
            token: args.token,
        })
    }
}

impl Ask for OverHttp {
    async fn get(&self, call: &str, _: Option<&Parts>) -> Result<Answered, String> {
        let mut request = self.client.get(format!("{}{call}", self.base)).timeout(TIMEOUT);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let failed = |error| format!("no answer from {}: {}", self.base, http_client::failure(error));
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(failed)?;
        Ok(Answered {
            status,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }

    fn pages(&self) -> Option<&str> {
        Some(&self.base)
    }
}
