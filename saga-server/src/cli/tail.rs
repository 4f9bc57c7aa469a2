//! `tail`: sagas as they change, until a signal or until nobody reads any more.
//!
//! Rule of thumb: a stream that is lost is opened again, and what may be missing is said; a question that is wrong, or refused, ends
//! the command.

use std::ops::ControlFlow;

use clap::Args;
use saga_collector::backoff::Backoff;
use serde::Deserialize;

use super::{
    CliError, output, sagas,
    search::filter,
    show::{Format, ShowArgs},
    signals,
    table::Columns,
    tracker::{Event, Events, Parameter, Saga, Tracker, TrackerArgs},
};

#[derive(Debug, Args)]
pub(super) struct TailArgs {
    /// What the sagas must have, such as type:REFUND or status:failed
    #[arg(value_name = "TOKEN")]
    tokens: Vec<String>,

    #[command(flatten)]
    show: ShowArgs,

    #[command(flatten)]
    tracker: TrackerArgs,
}

impl TailArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let tracker = self.tracker.connect()?;
        let names = sagas::columns(self.show.is_wide());
        let columns = Columns::new(names, self.show.with_colours());
        let tail = Tail {
            tracker,
            query: filter(&self.tokens),
            columns: columns.at_least(&sagas::USUAL_WIDTHS),
            show: self.show,
        };
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| CliError::failed(format_args!("the runtime cannot start: {error}")))?;
        let ended = runtime.block_on(async {
            let shutdown = signals::shutdown()?;
            tokio::select! {
                ended = tokio::spawn(tail.follow()) => ended.map_err(CliError::failed)?,
                () = shutdown => Ok(()),
            }
        });
        // A reader that takes nothing more would hold up the end.
        runtime.shutdown_background();
        ended
    }
}

struct Tail {
    tracker: Tracker,
    query: Vec<Parameter>,
    show: ShowArgs,
    columns: Columns,
}

impl Tail {
    async fn follow(mut self) -> Result<(), CliError> {
        let mut backoff = Backoff::new();
        let mut events = self.open(false).await?;
        if self.begin()?.is_break() {
            return Ok(());
        }
        loop {
            match events.next().await {
                Ok(event) => {
                    if event.name == "saga" {
                        backoff = Backoff::new();
                    }
                    if self.print(&event)?.is_break() {
                        return Ok(());
                    }
                }
                Err(lost) => {
                    output::complain(&format!("{lost}; connecting again"));
                    events = self.open_again(&mut backoff).await?;
                }
            }
        }
    }

    async fn open(&self, was_here: bool) -> Result<Events, CliError> {
        let stream = "/api/v1/sagas/stream";
        self.tracker.events(stream, &self.query, was_here).await
    }

    /// Until it is there again. Where it was once, only a refusal is a reason to end.
    async fn open_again(&self, backoff: &mut Backoff) -> Result<Events, CliError> {
        loop {
            tokio::time::sleep(backoff.next_wait()).await;
            match self.open(true).await {
                Err(CliError::Failed(_)) => {}
                opened => return opened,
            }
        }
    }

    /// The names of the columns, once changes are received.
    fn begin(&self) -> Result<ControlFlow<()>, CliError> {
        match self.show.format() {
            Format::Json => Ok(ControlFlow::Continue(())),
            Format::Table | Format::Wide => output::print_escaped(&self.columns.head()),
        }
    }

    fn print(&mut self, event: &Event) -> Result<ControlFlow<()>, CliError> {
        match (event.name.as_str(), self.show.format()) {
            ("saga", Format::Json) => output::print_json_text(&format!("{}\n", event.data)),
            ("saga", Format::Table | Format::Wide) => self.print_saga(&event.data),
            ("reset", format) => self.print_reset(&event.data, format),
            // A newer tracker may send others.
            _ => Ok(ControlFlow::Continue(())),
        }
    }

    fn print_saga(&mut self, data: &str) -> Result<ControlFlow<()>, CliError> {
        let saga: Saga = self.tracker.read(data, "a saga")?;
        let row = sagas::row(&saga, self.show.is_wide());
        self.columns.fit(&row);
        output::print_escaped(&self.columns.line(&row))
    }

    fn print_reset(&self, data: &str, format: Format) -> Result<ControlFlow<()>, CliError> {
        let reset: Reset = self.tracker.read(data, "a reset")?;
        let reason = reset.reason;
        output::complain(&format!(
            "changes were left out ({reason}); search and get show how sagas are now"
        ));
        match format {
            Format::Json => output::print_json_text(&format!("{{\"reset\":{data}}}\n")),
            Format::Table | Format::Wide => Ok(ControlFlow::Continue(())),
        }
    }
}

/// Why changes were left out.
#[derive(Deserialize)]
struct Reset {
    reason: String,
}
