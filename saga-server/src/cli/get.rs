//! `get`: one saga with its steps, or the sagas of an order.

use clap::{Args, builder::NonEmptyStringValueParser};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    CliError, block_on, output,
    saga_view::view,
    sagas::Sagas,
    show::{Format, ShowArgs},
    tracker::{Saga, StepsPage, Tracker, TrackerArgs, encoded},
};

/// The most sagas of an order that are listed.
const SAGAS_OF_ORDER: usize = 100;

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// The id of a saga or of an order
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,

    #[command(flatten)]
    show: ShowArgs,

    #[command(flatten)]
    tracker: TrackerArgs,
}

/// A saga with its steps, as they were sent.
#[derive(Serialize)]
struct Whole {
    saga: Box<RawValue>,
    steps: Vec<Box<RawValue>>,
}

impl GetArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let tracker = self.tracker.connect()?;
        block_on(get(&tracker, &self.id, &self.show))
    }
}

async fn get(tracker: &Tracker, id: &str, show: &ShowArgs) -> Result<(), CliError> {
    let missing = match Whole::find(tracker, id).await {
        Err(CliError::NotFound(reason)) => reason,
        found => return found?.print(tracker, show),
    };
    let filter = [("orderId", id.to_owned())];
    let sagas = match Sagas::find(tracker, &filter, None, SAGAS_OF_ORDER).await {
        // An id of a saga may be longer than one of an order may.
        Err(CliError::Usage(_)) => return Err(CliError::NotFound(missing)),
        found => found?,
    };
    match (sagas.len(), sagas.first(tracker)?) {
        (1, Some(saga)) => Whole::find(tracker, &saga.saga_id).await?.print(tracker, show),
        (_, Some(_)) => sagas.print(tracker, show),
        (_, None) => Err(CliError::NotFound(format!(
            "{missing}; no saga has it as its order id, either"
        ))),
    }
}

impl Whole {
    async fn find(tracker: &Tracker, id: &str) -> Result<Self, CliError> {
        // No path leads to these; a list does.
        if [".", ".."].contains(&id) {
            return Err(CliError::NotFound(format!("there is no saga {id:?}")));
        }
        let path = format!("/api/v1/sagas/{}", encoded(id));
        let saga = tracker.get(&path, &[]).await?;
        let saga = tracker.read(&saga, "a saga")?;
        let steps = steps(tracker, &format!("{path}/steps")).await?;
        Ok(Self { saga, steps })
    }

    fn print(&self, tracker: &Tracker, show: &ShowArgs) -> Result<(), CliError> {
        if show.format() == Format::Json {
            return output::print_json(self);
        }
        let saga: Saga = tracker.read(self.saga.get(), "a saga")?;
        let steps = self.steps.iter();
        let steps = steps.map(|step| tracker.read(step.get(), "a step"));
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        output::print_escaped(&view(&saga, &steps, show)).map(drop)
    }
}

/// All of them, page by page.
async fn steps(tracker: &Tracker, path: &str) -> Result<Vec<Box<RawValue>>, CliError> {
    let mut steps = Vec::new();
    let mut query = Vec::new();
    loop {
        let text = tracker.get(path, &query).await?;
        let page: StepsPage = tracker.read(&text, "steps")?;
        steps.extend(page.steps);
        match page.next_cursor {
            Some(cursor) => query = vec![("cursor", cursor)],
            None => return Ok(steps),
        }
    }
}
