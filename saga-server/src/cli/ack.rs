//! `ack`: acknowledges a saga, a dead letter or a group of failures.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser, value_parser};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::{
    CliError, block_on, output,
    show::{Format, ShowArgs},
    table::{Cell, table},
    tracker::{Parameter, Tracker, TrackerArgs, encoded},
};

/// The most of one answer.
const PAGE: usize = 100;

const COLUMNS: [&str; 7] = ["ID", "OF", "ASSIGNEE", "UNTIL", "WORSE", "NOTE", "BY"];

/// How many of them are not only for those who want all.
const NARROW: usize = 6;

#[derive(Debug, Args)]
pub(super) struct AckArgs {
    #[command(subcommand)]
    command: AckCommand,
}

#[derive(Debug, Subcommand)]
enum AckCommand {
    /// Acknowledge a saga, so that others see who works on it, or withdraw that
    Saga {
        /// Its id
        #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
        id: String,

        #[command(flatten)]
        args: ChangeArgs,
    },
    /// Acknowledge a dead letter, so that others see who works on it, or withdraw that
    Letter {
        /// Its id
        #[arg(value_name = "NUMBER")]
        id: i64,

        #[command(flatten)]
        args: ChangeArgs,
    },
    /// Acknowledge a group of failures, so that others see who works on it, or withdraw that
    Group {
        /// The name of the group, as GET /api/v1/failure-groups returns it
        #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        name: String,

        /// Only sagas of this type; all types if not given
        #[arg(long, value_name = "TYPE")]
        saga_type: Option<String>,

        #[command(flatten)]
        args: ChangeArgs,
    },
    /// List acknowledgements, the newest first; the exit code is 5 when there are none
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ChangeArgs {
    /// A note: what is done about it, or known of it
    #[arg(long, value_name = "TEXT", required_unless_present = "withdraw")]
    note: Option<String>,

    /// How long it applies, at most, such as 4h or 2d; at most 30d
    #[arg(long = "for", value_name = "LENGTH", required_unless_present_any = ["until", "withdraw"], conflicts_with = "until")]
    length: Option<String>,

    /// Until when it applies, at most (RFC 3339, or a date)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// Who works on it; the holder of the token if not given
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,

    /// The id of the acknowledgement that it replaces
    #[arg(long, value_name = "NUMBER")]
    replaces: Option<i64>,

    /// Withdraw the acknowledgement
    #[arg(long, conflicts_with_all = ["note", "length", "until", "assignee", "replaces"])]
    withdraw: bool,

    #[command(flatten)]
    show: ShowArgs,

    #[command(flatten)]
    tracker: TrackerArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = value_parser!(u16).range(1..=10_000))]
    limit: u16,

    #[command(flatten)]
    show: ShowArgs,

    #[command(flatten)]
    tracker: TrackerArgs,
}

/// What is read of an acknowledgement.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Acknowledgement {
    id: i64,
    saga_id: Option<String>,
    dead_letter_id: Option<i64>,
    failure_group: Option<String>,
    saga_type: Option<String>,
    assignee: String,
    note: String,
    by: String,
    until: String,
    worse: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    content: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

/// All of a list, as they were sent.
#[derive(Debug, Serialize)]
struct Listed {
    content: Vec<Box<RawValue>>,
}

impl AckArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self.command {
            AckCommand::Saga { id, args } => {
                // No path leads to these.
                if [".", ".."].contains(&id.as_str()) {
                    return Err(CliError::NotFound(format!("there is no saga {id:?}")));
                }
                args.run(
                    &format!("/internal/v1/sagas/{}/acknowledgement", encoded(&id)),
                    &[],
                )
            }
            AckCommand::Letter { id, args } => {
                args.run(&format!("/internal/v1/dlt/{id}/acknowledgement"), &[])
            }
            AckCommand::Group {
                name,
                saga_type,
                args,
            } => {
                let mut query = vec![("failureGroup", name)];
                query.extend(saga_type.map(|name| ("sagaType", name)));
                args.run("/internal/v1/failure-groups/acknowledgement", &query)
            }
            AckCommand::List(args) => args.run(),
        }
    }
}

impl ChangeArgs {
    fn run(self, path: &str, query: &[Parameter]) -> Result<(), CliError> {
        let (method, body) = match self.withdraw {
            true => (Method::DELETE, None),
            false => (Method::PUT, Some(self.body())),
        };
        let tracker = self.tracker.connect()?;
        let text = block_on(tracker.change(method, path, query, body.as_ref()))?;
        if self.show.format() == Format::Json {
            return output::print_json_text(&(text + "\n")).map(drop);
        }
        let acknowledgement = tracker.read(&text, "an acknowledgement")?;
        print(&[acknowledgement], &self.show)
    }

    fn body(&self) -> Value {
        let given = [
            ("note", self.note.clone().map(Value::from)),
            ("for", self.length.clone().map(Value::from)),
            ("until", self.until.clone().map(Value::from)),
            ("assignee", self.assignee.clone().map(Value::from)),
            ("replaces", self.replaces.map(|id| json!(id))),
        ];
        let given = given.into_iter();
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect::<serde_json::Map<_, _>>().into()
    }
}

impl ListArgs {
    fn run(self) -> Result<(), CliError> {
        let tracker = self.tracker.connect()?;
        let content = block_on(list(&tracker, usize::from(self.limit)))?;
        let is_empty = content.is_empty();
        match self.show.format() {
            Format::Json => output::print_json(&Listed { content })?,
            _ if is_empty => {}
            _ => {
                let read = content
                    .iter()
                    .map(|raw| tracker.read(raw.get(), "an acknowledgement"));
                print(&read.collect::<Result<Vec<_>, _>>()?, &self.show)?;
            }
        }
        match is_empty {
            true => Err(CliError::NotFound("there are no acknowledgements".to_owned())),
            false => Ok(()),
        }
    }
}

/// Page by page. A page may be short although there is a next one.
async fn list(tracker: &Tracker, limit: usize) -> Result<Vec<Box<RawValue>>, CliError> {
    let mut content = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("size", PAGE.min(limit - content.len()).to_string())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let text = tracker.get("/internal/v1/acknowledgements", &query).await?;
        let page: Page = tracker.read(&text, "a list of acknowledgements")?;
        content.extend(page.content);
        cursor = page.next_cursor;
        if cursor.is_none() || content.len() >= limit {
            return Ok(content);
        }
    }
}

fn print(acknowledgements: &[Acknowledgement], show: &ShowArgs) -> Result<(), CliError> {
    let columns = if show.is_wide() { COLUMNS.len() } else { NARROW };
    let rows: Vec<Vec<Cell>> = acknowledgements
        .iter()
        .map(|found| {
            let mut row = found.row();
            row.truncate(columns);
            row
        })
        .collect();
    output::print_escaped(&table(&COLUMNS[..columns], &rows, show.with_colours())).map(drop)
}

impl Acknowledgement {
    fn row(&self) -> Vec<Cell> {
        vec![
            Cell::text(&self.id.to_string()),
            Cell::text(&self.subject()),
            Cell::text(&self.assignee),
            Cell::text(&self.until),
            Cell::text(if self.worse { "yes" } else { "no" }),
            Cell::text(&self.note),
            Cell::text(&self.by),
        ]
    }

    /// A group has no name where failure reasons are hidden.
    fn subject(&self) -> String {
        match (&self.saga_id, self.dead_letter_id) {
            (Some(saga), _) => format!("saga {saga}"),
            (None, Some(letter)) => format!("letter {letter}"),
            (None, None) => {
                let name = self.failure_group.as_deref().unwrap_or("-");
                let of_type = self.saga_type.as_ref().map(|name| format!(" of {name}"));
                format!("group {name}{}", of_type.unwrap_or_default())
            }
        }
    }
}
