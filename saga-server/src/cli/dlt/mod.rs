//! `dlt`: lists, replays, dismisses and restores dead letters: in the database itself, without a running collector, or through one.
//!
//! | part | what |
//! | --- | --- |
//! | `filter` | which letters |
//! | `place` | which of both |
//! | `database` | letters in the database |
//! | `remote` | the same by the REST interface of a tracker |
//! | `lines` | the output of both, as JSON and for people |

mod database;
mod filter;
mod lines;
mod place;
mod remote;

use clap::{Args, Subcommand};
use saga_types::Timestamp;

use self::{
    filter::FilterArgs,
    lines::Disposals,
    place::{Place, PlaceArgs},
};
use super::{CliError, block_on, by::ByArgs, output};
use saga_collector::dead_letters::{ReplayError, ReplayOrder};
use saga_store::{Disposal, DisposalOrder, LetterQuery, LetterState, Named};

/// How many letters of the database are taken at a time.
const PAGE: u32 = 100;

#[derive(Debug, Args)]
pub(super) struct DltArgs {
    #[command(subcommand)]
    command: DltCommand,
}

#[derive(Debug, Subcommand)]
enum DltCommand {
    /// List dead letters, newest first: the reason, the origin and the decoded content of each, or what can be read of it
    List(ListArgs),
    /// Replay dead letters: read them again with today's schemas, rules and mappings, and store their events as ingest would
    Replay(ReplayArgs),
    /// Dismiss waiting dead letters, with a note: they are no longer counted or listed, and can be restored
    Dismiss(DismissArgs),
    /// Restore dead letters that were dismissed: they wait again
    Restore(RestoreArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,

    /// How many letters are listed
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: u32,

    /// Print JSON, as GET /internal/v1/dlt answers
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// The letter with this id; may be given several times
    #[arg(long = "id", value_name = "NUMBER", conflicts_with = "FilterArgs")]
    ids: Vec<i64>,

    /// The letters of the event with this id; may be given several times
    #[arg(long = "event-id", value_name = "ID", conflicts_with = "FilterArgs")]
    event_ids: Vec<String>,

    /// All waiting letters that match the filters
    #[arg(long, conflicts_with_all = ["ids", "event_ids"], required_unless_present_any = ["ids", "event_ids"])]
    all: bool,

    #[command(flatten)]
    filter: FilterArgs,

    /// Change nothing, and report what a replay would do with each letter and its saga
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    by: ByArgs,

    /// Print JSON, as POST /internal/v1/sagas/replay answers
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Args)]
struct DismissArgs {
    /// Why, for those who look at the letters later
    #[arg(long, value_name = "TEXT", value_parser = note)]
    note: String,

    #[command(flatten)]
    disposal: DisposalArgs,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// Why, for the log of operations
    #[arg(long, value_name = "TEXT", value_parser = note)]
    note: Option<String>,

    #[command(flatten)]
    disposal: DisposalArgs,
}

#[derive(Debug, Args)]
struct DisposalArgs {
    /// The letter with this id; may be given several times
    #[arg(long = "id", value_name = "NUMBER", conflicts_with = "FilterArgs")]
    ids: Vec<i64>,

    /// All letters that match the filters
    #[arg(long, conflicts_with = "ids", required_unless_present = "ids")]
    all: bool,

    #[command(flatten)]
    filter: FilterArgs,

    /// Only count them; the exit code is 3 when there are any
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    by: ByArgs,

    #[command(flatten)]
    place: PlaceArgs,
}

/// The longest note, in characters; as REST allows.
const MAX_NOTE_CHARS: usize = 500;

fn note(text: &str) -> Result<String, String> {
    let chars = text.chars().count();
    match chars {
        _ if text.trim().is_empty() => Err("must say why".to_owned()),
        _ if chars > MAX_NOTE_CHARS => Err(format!(
            "has {chars} characters, at most {MAX_NOTE_CHARS} are allowed"
        )),
        _ => Ok(text.trim().to_owned()),
    }
}

impl DltArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self.command {
            DltCommand::List(args) => args.run(),
            DltCommand::Replay(args) => args.run(),
            DltCommand::Dismiss(args) => args.disposal.run(Disposal::Dismiss, Some(args.note)),
            DltCommand::Restore(args) => args.disposal.run(Disposal::Restore, args.note),
        }
    }
}

impl ListArgs {
    fn run(self) -> Result<(), CliError> {
        let letters = match self.place.find(None)? {
            Place::Tracker(tracker) => block_on(remote::list(&tracker, &self.filter, self.limit))?,
            Place::Database(settings) => {
                block_on(database::list(&settings, self.filter.into_filter(), self.limit))?
            }
        };
        match self.json {
            true => output::print_json(&letters),
            false => output::print(&letters.lines()?),
        }
    }
}

impl ReplayArgs {
    fn run(self) -> Result<(), CliError> {
        let named = Named {
            ids: self.ids,
            event_ids: self.event_ids,
        };
        let named = (!self.all).then_some(named);
        let report = match self.place.find(Some(&self.by))? {
            Place::Tracker(tracker) => block_on(remote::replay(&tracker, named, &self.filter, self.dry_run))?,
            Place::Database(settings) => {
                let mut filter = self.filter.into_filter();
                if named.is_none() {
                    filter.state.get_or_insert(LetterState::Waiting);
                }
                filter.named = named;
                let order = ReplayOrder {
                    letters: LetterQuery {
                        filter,
                        after: None,
                        size: PAGE,
                    },
                    all_pages: true,
                    by: self.by.actor(),
                    dry_run: self.dry_run,
                };
                block_on(database::replay(&settings, order))?
            }
        };
        match self.json {
            true => output::print_json(&report)?,
            false => output::print(&report.lines()?)?,
        }
        match (report.failed, report.ended_by) {
            (_, Some(error)) => Err(CliError::failed(format_args!(
                "{error}; the letters after the first {} were not replayed",
                report.requested
            ))),
            (0, None) => Ok(()),
            (failed, None) => Err(CliError::failed(format_args!(
                "{failed} of {} dead letters were not replayed; they are still waiting",
                report.requested
            ))),
        }
    }
}

impl DisposalArgs {
    fn run(self, disposal: Disposal, note: Option<String>) -> Result<(), CliError> {
        let ids = (!self.all).then_some(self.ids);
        let dry_run = self.dry_run;
        let Disposals { letters, ended_by } = match self.place.find(Some(&self.by))? {
            Place::Tracker(tracker) => {
                let order = remote::Disposing {
                    disposal,
                    ids,
                    filter: self.filter,
                    note,
                    dry_run,
                };
                block_on(order.carry_out(&tracker))?
            }
            Place::Database(settings) => {
                let mut filter = self.filter.into_filter();
                filter.without_dismissed = false;
                filter.named = ids.map(|ids| Named {
                    ids,
                    event_ids: Vec::new(),
                });
                let order = DisposalOrder {
                    disposal,
                    at: Timestamp::now(),
                    actor: self.by.actor(),
                    note,
                };
                block_on(database::dispose(&settings, &filter, &order, dry_run))?
            }
        };
        let done = match disposal {
            Disposal::Dismiss => "dismissed",
            Disposal::Restore => "restored",
        };
        if dry_run {
            if let Some(error) = ended_by {
                return Err(error);
            }
            let more = if letters > Disposal::COUNTED {
                "or more "
            } else {
                ""
            };
            output::print(&format!("{letters} {more}dead letters would be {done}\n"))?;
            return if letters > 0 {
                Err(CliError::Differences)
            } else {
                Ok(())
            };
        }
        output::print(&format!("{letters} dead letters {done}\n"))?;
        ended_by.map_or(Ok(()), Err)
    }
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        Self::failed(error)
    }
}
