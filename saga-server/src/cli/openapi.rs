//! `openapi`: the description of the API.

use clap::Args;

use super::{CliError, output};
use saga_web::rest;

#[derive(Debug, Args)]
pub(super) struct OpenapiArgs {}

impl OpenapiArgs {
    #[expect(clippy::unused_self, reason = "as every command")]
    pub(super) fn run(self) -> Result<(), CliError> {
        output::print(&rest::api_docs())
    }
}
