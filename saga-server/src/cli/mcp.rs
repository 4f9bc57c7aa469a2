//! `mcp`: questions of a language model on standard input and output, answered by a running collector.
//!
//! Rule of thumb: standard output is the protocol's; a collector that is unavailable is reported in the answer and does not end the command.

use std::sync::Arc;

use clap::Args;
use http::request::Parts;
use saga_mcp::{Answered, Ask, stdio};

use super::{
    CliError, block_on,
    tracker::{Tracker, TrackerArgs},
};

#[derive(Debug, Args)]
pub(super) struct McpArgs {
    #[command(flatten)]
    tracker: TrackerArgs,
}

impl McpArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let ask = OverHttp(Arc::new(self.tracker.connect()?));
        block_on(async { stdio::serve(ask).await.map_err(CliError::failed) })
    }
}

/// A collector elsewhere, asked with one token.
#[derive(Clone)]
struct OverHttp(Arc<Tracker>);

impl Ask for OverHttp {
    async fn get(&self, call: &str, _: Option<&Parts>) -> Result<Answered, String> {
        let answered = self.0.ask(call).await;
        let (status, text) = answered.map_err(|error| error.to_string())?;
        Ok(Answered {
            status: status.as_u16(),
            body: serde_json::from_str(&text).unwrap_or_default(),
        })
    }

    fn pages(&self) -> Option<&str> {
        Some(self.0.address())
    }
}
