//! `fold`: from recorded events to states, for trying a definition.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    path::PathBuf,
};

use clap::Args;
use saga_types::{
    SagaEvent, SagaId,
    definition::Definitions,
    fold::{self, SagaState},
};
use serde_path_to_error::Segment;

use super::{CliError, output};
use crate::config::load_definitions;

#[derive(Debug, Args)]
pub(super) struct FoldArgs {
    /// A JSON array of events of any number of sagas; - reads it from stdin
    #[arg(long, value_name = "FILE")]
    events: PathBuf,

    /// A folder of saga definitions (*.yml) that add to the built-in ones, or replace them
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
}

impl FoldArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let definitions = load_definitions(&self.definitions)?;
        let file = self.events.display();
        let text = self
            .read()
            .map_err(|error| CliError::usage(format_args!("{file} cannot be read: {error}")))?;
        let events = parse(&text).map_err(|reason| CliError::usage(format_args!("{file}: {reason}")))?;
        let states = states(events, &definitions);
        output::print_json(&states)
    }

    fn read(&self) -> io::Result<String> {
        if self.events.as_os_str() == "-" {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            return Ok(text);
        }
        fs::read_to_string(&self.events)
    }
}

fn parse(text: &str) -> Result<Vec<SagaEvent>, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let events = serde_path_to_error::deserialize(&mut json).map_err(|error| in_words(&error))?;
    json.end()
        .map_err(|error| format!("more follows after the array: {error}"))?;
    Ok(events)
}

/// `event 3 (the first is 0), status: unknown variant …`.
fn in_words(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let mut segments = error.path().iter();
    let Some(Segment::Seq { index }) = segments.next() else {
        return format!("must be a JSON array of events: {}", error.inner());
    };
    let field: String = segments.map(|segment| format!(", {segment}")).collect();
    format!("event {index} (the first is 0){field}: {}", error.inner())
}

/// In the order in which the sagas first appear.
pub(super) fn states(events: Vec<SagaEvent>, definitions: &Definitions) -> Vec<SagaState> {
    let mut places: HashMap<SagaId, usize> = HashMap::new();
    let mut sagas: Vec<Vec<SagaEvent>> = Vec::new();
    for event in events {
        let place = *places.entry(event.saga_id.clone()).or_insert(sagas.len());
        if place == sagas.len() {
            sagas.push(Vec::new());
        }
        sagas[place].push(event);
    }
    sagas
        .iter()
        .filter_map(|events| fold::fold(events, definitions))
        .collect()
}
