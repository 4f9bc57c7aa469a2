//! `search`: the sagas that match the tokens of the filter bar.

use clap::{Args, value_parser};

use super::{
    CliError, block_on,
    sagas::Sagas,
    show::ShowArgs,
    tracker::{Parameter, TrackerArgs},
};

#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    /// What the sagas must have, such as type:REFUND or customerId:C-17
    #[arg(value_name = "TOKEN")]
    tokens: Vec<String>,

    /// At most so many sagas; for all of a long list there is GET /api/v1/sagas.ndjson
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = value_parser!(u16).range(1..=10_000))]
    limit: u16,

    /// Continue where a list ended, with the cursor that it printed
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,

    #[command(flatten)]
    show: ShowArgs,

    #[command(flatten)]
    tracker: TrackerArgs,
}

impl SearchArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let tracker = self.tracker.connect()?;
        let filter = filter(&self.tokens);
        let finding = Sagas::find(&tracker, &filter, self.cursor, usize::from(self.limit));
        let found = block_on(finding)?;
        found.print(&tracker, &self.show)?;
        match found.len() {
            0 => Err(CliError::NotFound("no saga matches".to_owned())),
            _ => Ok(()),
        }
    }
}

/// The tokens as one line; none without any, since an empty parameter is refused.
pub(super) fn filter(tokens: &[String]) -> Vec<Parameter> {
    let line = tokens.join(" ");
    match line.trim() {
        "" => Vec::new(),
        line => vec![("q", line.to_owned())],
    }
}
