//! `map`: which steps and sagas a mapping makes of recorded documents, or of what is on a topic.

use std::{
    fmt::Write,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use saga_collector::sources::{Mapped as MappedRecord, preview};
use saga_gateway::{
    Gateway, GatewayConfig,
    mapping::{self, Input, Mapped, Mapping},
    otlp::{self, Encoding, Signal},
    publish::Publisher,
    source::SourceFormat,
};
use saga_sdk::SagaConfig;
use saga_types::{SagaEvent, fold::SagaState};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{CliError, block_on, fold, output};
use crate::{
    config::{ConfigArgs, load_definitions},
    server::record_mapper,
};

/// How much of a document is shown, in characters.
const SHOWN_CHARS: usize = 120;

#[derive(Debug, Args)]
pub(super) struct MapArgs {
    /// The mapping: a file in YAML, whose name is that of the source
    #[arg(long, value_name = "FILE", required_unless_present = "otlp")]
    mapping: Option<PathBuf>,

    /// Recorded documents: a JSON object, an array of them, or one a line; - reads them from stdin
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "topic",
        conflicts_with = "topic"
    )]
    input: Option<PathBuf>,

    /// A topic, read from its beginning up to now; broker and schema registry are those of the configuration
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,

    /// What the records of the topic hold: json, cloudevents, avro, debezium-outbox or debezium
    #[arg(long, value_name = "FORMAT", default_value = "json", requires = "topic")]
    format: SourceFormat,

    /// The most records that are read
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, requires = "topic")]
    limit: usize,

    /// A configuration file (YAML) with broker and schema registry
    #[arg(long, value_name = "FILE", env = "SAGA_SERVER_CONFIG")]
    config: Option<PathBuf>,

    /// The name of a profile: with FILE.yml, FILE-PROFILE.yml is read too and overrides it
    #[arg(long, value_name = "PROFILE", env = "SAGA_SERVER_PROFILE")]
    profile: Option<String>,

    /// Only show what would be recorded; must be given, since the command does nothing else
    #[arg(long, required = true)]
    dry_run: bool,

    /// The documents are CloudEvents in structured mode
    #[arg(long, conflicts_with = "topic")]
    cloud_events: bool,

    /// The documents are requests of OTLP in JSON, as the Collector's file exporter writes them; each span or log record counts as
    /// a document. Without a mapping its attributes count, such as saga.id
    #[arg(long, conflicts_with_all = ["cloud_events", "topic"])]
    otlp: bool,

    /// A folder of saga definitions (*.yml) that add to the built-in ones, or replace them
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What became of all documents.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    documents: usize,
    steps: Vec<SagaEvent>,
    sagas: Vec<SagaState>,
    ignored: Vec<Left>,
    refused: Vec<Left>,
}

/// A document that became no step.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Left {
    /// Its place, from 0.
    index: usize,
    reason: String,
    document: String,
}

impl MapArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let mapping = self.mapping.as_deref().map(mapping::load).transpose();
        let mapping = mapping.map_err(CliError::usage)?;
        let definitions = load_definitions(&self.definitions)?;
        let mut outcome = match (&self.topic, &self.input, mapping) {
            (Some(topic), _, Some(mapping)) => self.of_topic(topic, mapping)?,
            (_, Some(input), mapping) => self.of_file(input, mapping.as_ref())?,
            _ => Outcome::default(),
        };
        outcome.sagas = fold::states(outcome.steps.clone(), &definitions);
        match self.json {
            true => output::print_json(&outcome)?,
            false => output::print(&outcome.in_words())?,
        }
        match outcome.refused.is_empty() {
            true => Ok(()),
            false => Err(CliError::Unmapped(format!(
                "{} of {} documents are wrong for the rule that takes them",
                outcome.refused.len(),
                outcome.documents
            ))),
        }
    }

    fn of_file(&self, input: &Path, mapping: Option<&Mapping>) -> Result<Outcome, CliError> {
        let file = input.display();
        let text =
            read(input).map_err(|error| CliError::usage(format_args!("{file} cannot be read: {error}")))?;
        let documents =
            documents(&text).map_err(|error| CliError::usage(format_args!("{file} is no JSON: {error}")))?;
        let mut outcome = Outcome::default();
        for document in documents {
            match mapping {
                Some(mapping) if !self.otlp => outcome.take(document, self.apply(mapping, document)),
                mapping => outcome.take_export(document, mapping),
            }
        }
        Ok(outcome)
    }

    fn of_topic(&self, topic: &str, mapping: Mapping) -> Result<Outcome, CliError> {
        let settings = ConfigArgs::of_file(self.config.clone(), self.profile.clone())
            .map_err(CliError::usage)?
            .load()?;
        let (kafka, registry) = (settings.kafka()?, settings.schema_registry()?);
        saga_collector::http_client::choose_cryptography();
        // It maps, and nothing is published.
        let publisher = Publisher::new(SagaConfig::default(), Duration::ZERO);
        let source = mapping.source().to_owned();
        let gateway =
            Gateway::new(GatewayConfig::default(), publisher).with_mappings([mapping].into_iter().collect());
        let Some(mapper) = record_mapper(Arc::new(gateway), &source, self.format) else {
            return Ok(Outcome::default());
        };
        let previewed = block_on(async {
            preview(kafka, topic.to_owned(), registry, mapper, self.limit)
                .await
                .map_err(CliError::failed)
        })?;
        let mut outcome = Outcome::default();
        for record in previewed {
            let mapped = match record.mapped {
                Ok(MappedRecord::Event(event)) => Mapped::Event(event),
                Ok(MappedRecord::Ignored) => Mapped::Ignored,
                Err(reason) => Mapped::Refused(format!(
                    "partition {}, offset {}: {reason}",
                    record.partition, record.offset
                )),
            };
            outcome.take(&record.value, mapped);
        }
        Ok(outcome)
    }

    fn apply(&self, mapping: &Mapping, document: &str) -> Mapped {
        match self.cloud_events {
            true => mapping.apply_cloud_event(document),
            false => mapping.apply(&Input {
                event: document,
                ..Input::default()
            }),
        }
    }
}

fn read(input: &Path) -> io::Result<String> {
    if input.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(input)
}

/// An array's elements, one object, or the lines.
fn documents(text: &str) -> Result<Vec<&str>, serde_json::Error> {
    if text.trim_start().starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(text)?;
        return Ok(elements.into_iter().map(RawValue::get).collect());
    }
    if let Ok(one) = serde_json::from_str::<&RawValue>(text) {
        return Ok(vec![one.get()]);
    }
    Ok(text.lines().filter(|line| !line.trim().is_empty()).collect())
}

impl Outcome {
    /// Takes the spans and log records of a request.
    fn take_export(&mut self, request: &str, mapping: Option<&Mapping>) {
        let before = self.documents;
        for signal in [Signal::Traces, Signal::Logs] {
            let read = otlp::read(
                request.as_bytes(),
                Encoding::Json,
                signal,
                &mut |item| match item {
                    Ok(item) => self.take(&item.document(), item.apply(mapping)),
                    Err(reason) => self.take("", Mapped::Refused(reason)),
                },
            );
            if let Err(error) = read {
                return self.take(request, Mapped::Refused(error.to_string()));
            }
        }
        if self.documents == before {
            self.take(
                request,
                Mapped::Refused("holds no span and no log record".to_owned()),
            );
        }
    }

    fn take(&mut self, document: &str, mapped: Mapped) {
        let index = self.documents;
        self.documents += 1;
        let left = |reason: &str| Left {
            index,
            reason: reason.to_owned(),
            document: document.chars().take(SHOWN_CHARS).collect(),
        };
        match mapped {
            Mapped::Event(event) => self.steps.push(*event),
            Mapped::Ignored => self.ignored.push(left("no rule takes it")),
            Mapped::Refused(reason) => self.refused.push(left(&reason)),
        }
    }

    fn in_words(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "steps");
        for event in &self.steps {
            let _ = writeln!(
                text,
                "  {}  {}  {} {}  {}",
                event.recorded_at, event.saga_id, event.step, event.status, event.event_id
            );
        }
        let _ = writeln!(text, "sagas");
        for saga in &self.sagas {
            let _ = writeln!(
                text,
                "  {}  {}  {}",
                saga.saga_id, saga.current_status, saga.summary
            );
        }
        for (title, left) in [("no rule takes", &self.ignored), ("wrong", &self.refused)] {
            let _ = writeln!(text, "{title}");
            for Left {
                index,
                reason,
                document,
            } in left
            {
                let _ = writeln!(text, "  document {index}: {reason}: {document}");
            }
        }
        let _ = writeln!(
            text,
            "{} documents: {} steps of {} sagas, {} that no rule takes, {} wrong",
            self.documents,
            self.steps.len(),
            self.sagas.len(),
            self.ignored.len(),
            self.refused.len()
        );
        text
    }
}
