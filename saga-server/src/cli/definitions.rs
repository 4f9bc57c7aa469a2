//! `definitions`: check files of definitions, draw the expected path of a saga type, and infer one.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use saga_types::{
    SagaType,
    definition::{Definitions, LoadErrorKind, SagaDefinition},
};
use serde_json::{Value, json};

use super::{CliError, infer::InferArgs, output};
use crate::config::load_definitions;

#[derive(Debug, Args)]
pub(super) struct DefinitionsArgs {
    #[command(subcommand)]
    command: DefinitionsCommand,
}

#[derive(Debug, Subcommand)]
enum DefinitionsCommand {
    /// Check a folder of saga definitions (*.yml): print every error and warning with file, line and what to do; exit with
    /// code 1 when there is an error
    Check(CheckArgs),
    /// Print the expected path of a saga type: its steps with what comes before them, owners, choices, compensations and limits
    Show(ShowArgs),
    /// Print a definition of a saga type that its stored events give, with how sure each line is: steps, owners, what comes
    /// before what, choices, ends, compensations, and limits that 99.9 % of the sagas keep
    Infer(Box<InferArgs>),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Print one JSON object with the definitions, errors and warnings
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The saga type, such as ORDER_CREATION
    #[arg(value_name = "TYPE")]
    saga_type: String,

    /// A folder of saga definitions (*.yml) that add to the built-in ones, or replace them
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,

    /// Text for a terminal, or a Mermaid flow chart for documents
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Mermaid,
}

impl DefinitionsArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self.command {
            DefinitionsCommand::Check(args) => args.run(),
            DefinitionsCommand::Show(args) => args.run(),
            DefinitionsCommand::Infer(args) => args.run(),
        }
    }
}

impl CheckArgs {
    fn run(self) -> Result<(), CliError> {
        let report = Definitions::built_in().check_dir(&self.folder);
        let (definitions, errors) = match report.result {
            Ok(definitions) => (definitions, Vec::new()),
            Err(errors) => (Vec::new(), errors),
        };
        if self.json {
            let findings = json!({
                "definitions": definitions.iter().map(identity).collect::<Vec<_>>(),
                "errors": errors.iter().map(|error| match &error.kind {
                    LoadErrorKind::Invalid(invalid) => json!({
                        "file": error.path, "line": invalid.line, "reason": invalid.reason, "hint": invalid.hint,
                    }),
                    other => json!({
                        "file": error.path, "line": null, "reason": other.to_string(), "hint": null,
                    }),
                }).collect::<Vec<_>>(),
                "warnings": report.warnings.iter().map(|found| json!({
                    "file": found.path, "line": found.warning.line, "reason": found.warning.reason,
                    "hint": found.warning.hint,
                })).collect::<Vec<_>>(),
            });
            output::print_json(&findings)?;
        } else {
            let errors = errors.iter().map(|error| format!("error: {error}\n"));
            let warnings = report
                .warnings
                .iter()
                .map(|warning| format!("warning: {warning}\n"));
            let right = definitions
                .iter()
                .map(|definition| format!("ok: {}\n", title(definition)));
            output::print(&errors.chain(warnings).chain(right).collect::<String>())?;
        }
        match errors.len() {
            0 => Ok(()),
            1 => Err(CliError::failed(
                "1 error, so no definition of the folder is used",
            )),
            many => Err(CliError::failed(format_args!(
                "{many} errors, so no definition of the folder is used"
            ))),
        }
    }
}

fn identity(definition: &SagaDefinition) -> Value {
    json!({ "sagaType": definition.saga_type, "validFrom": definition.valid_from })
}

fn title(definition: &SagaDefinition) -> String {
    match definition.valid_from {
        Some(moment) => format!("{} from {moment} on", definition.saga_type),
        None => definition.saga_type.to_string(),
    }
}

impl ShowArgs {
    fn run(self) -> Result<(), CliError> {
        let definitions = load_definitions(&self.definitions)?;
        let known = || definitions.iter().map(|definition| definition.saga_type.as_str());
        let saga_type = SagaType::try_from(self.saga_type.clone())
            .map_err(|error| CliError::usage(format_args!("the saga type {error}")))?;
        let drawn: Vec<String> = definitions
            .of_type(&saga_type)
            .map(|definition| match self.format {
                Format::Text => format!(
                    "{}\n{}{}",
                    title(definition),
                    definition.to_text(),
                    endings(definition)
                ),
                Format::Mermaid => definition.to_mermaid(),
            })
            .collect();
        if drawn.is_empty() {
            let mut types: Vec<&str> = known().collect();
            types.dedup();
            return Err(CliError::usage(format_args!(
                "there is no definition of {saga_type}; there are {}",
                types.join(", ")
            )));
        }
        output::print(&drawn.join("\n"))
    }
}

/// What is no part of the path: how a saga ends, what compensates what, and the limits.
fn endings(definition: &SagaDefinition) -> String {
    let mut text = format!("completes with  {}\n", list(&definition.completes_with));
    if !definition.fails_with.is_empty() {
        text += &format!("fails with  {}\n", list(&definition.fails_with));
    }
    for compensation in &definition.compensations {
        text += &format!(
            "{} is compensated by  {}\n",
            compensation.step,
            list(&compensation.by)
        );
    }
    if let Some(whole) = definition.limits.whole {
        text += &format!("limit  {} for the whole\n", humantime::format_duration(whole));
    }
    for limit in &definition.limits.steps {
        let from = match &limit.after {
            Some(step) => format!("{step} is done"),
            None => "the start".to_owned(),
        };
        let within = humantime::format_duration(limit.within);
        text += &format!("limit  {} within {within} after {from}\n", limit.step);
    }
    text
}

fn list<T: ToString>(steps: &[T]) -> String {
    steps
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" or ")
}
