//! `definitions infer`: a definition that the stored events of a saga type give.

use std::sync::Arc;

use clap::Args;
use saga_normal::infer::{self, LEAST, Recorded, TooFew};
use saga_store::{DrawnEvent, SagaQuery, StoreOptions};
use saga_types::{SagaType, Timestamp, definition::Definitions};

use super::{CliError, block_on, logging, output};
use crate::config::ConfigArgs;

/// How many sagas are read.
const SAGAS: u32 = 10_000;

#[derive(Debug, Args)]
pub(super) struct InferArgs {
    /// The saga type, such as ORDER_CREATION
    #[arg(value_name = "TYPE")]
    saga_type: String,

    /// Only sagas that started at this time or later: RFC 3339, or a date
    #[arg(long, value_name = "TIME", value_parser = start)]
    from: Option<Timestamp>,

    /// Only sagas that started at this time or earlier: RFC 3339, or a date, whose last moment counts
    #[arg(long, value_name = "TIME", value_parser = end)]
    to: Option<Timestamp>,

    #[command(flatten)]
    config: ConfigArgs,
}

impl InferArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        let database = settings.database()?;
        let saga_type = SagaType::new(self.saga_type.clone())
            .map_err(|error| CliError::usage(format_args!("the saga type {error}")))?;
        logging::start(&settings.log());
        let options = StoreOptions {
            definitions: Arc::new(Definitions::built_in()),
            max_connections: 2,
        };
        let query = SagaQuery {
            saga_type: Some(saga_type.clone()),
            started_from: self.from,
            started_to: self.to,
            ..SagaQuery::newest(1)
        };
        let sagas = block_on(async {
            let store = saga_store::connect(database.url.expose(), options).await?;
            store.check().await?;
            Ok(store.draw_events(&query, SAGAS).await?)
        })?;
        let sagas: Vec<Vec<Recorded>> = sagas
            .into_iter()
            .map(|events| events.into_iter().map(recorded).collect())
            .collect();
        match infer::definition(&saga_type, &sagas) {
            Ok(file) => output::print(&file),
            Err(TooFew { without_failure }) => Err(CliError::failed(format_args!(
                "{} sagas of {saga_type} were read, and {without_failure} of them ended without a failure; a definition needs {LEAST}",
                sagas.len()
            ))),
        }
    }
}

fn recorded(event: DrawnEvent) -> Recorded {
    Recorded {
        step: event.step,
        status: event.status,
        service: event.service,
        recorded_at: event.recorded_at,
    }
}

fn start(text: &str) -> Result<Timestamp, String> {
    moment(text, "T00:00:00Z")
}

fn end(text: &str) -> Result<Timestamp, String> {
    moment(text, "T23:59:59.999Z")
}

fn moment(text: &str, of_day: &str) -> Result<Timestamp, String> {
    let moment = text.parse::<Timestamp>();
    let moment = moment.or_else(|error| format!("{text}{of_day}").parse().map_err(|_| error));
    moment.map_err(|error| error.to_string())
}
