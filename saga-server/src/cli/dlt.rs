//! `dlt`: dead letters, seen, replayed, dismissed and restored in the database itself; no running collector is needed.

use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use saga_types::Timestamp;
use serde::Serialize;

use super::{CliError, block_on, by::ByArgs, logging, output};
use crate::config::{ConfigArgs, Settings, load_definitions};
use saga_collector::{
    dead_letters::{
        DeadLetters, LetterView, PartialFieldView, PartialView, ReplayError, ReplayOrder, ReplayReport,
        Replayed,
    },
    metrics::Metrics,
    webhooks::note_failures,
};
use saga_store::{
    Disposal, DisposalOrder, LetterFilter, LetterPlace, LetterQuery, LetterState, Named, Scope, Store,
    StoreOptions, searched_words,
};

/// How many letters are taken at a time.
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
    /// Replay dead letters: read them again with today's rules and schemas, and store their events as ingest would
    Replay(ReplayArgs),
    /// Dismiss dead letters that wait, with a note: they leave counts and lists, and can be restored
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
    config: ConfigArgs,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// The letter with this id; may be given several times
    #[arg(long = "id", value_name = "NUMBER")]
    ids: Vec<i64>,

    /// The letters of the event with this id; may be given several times
    #[arg(long = "event-id", value_name = "ID")]
    event_ids: Vec<String>,

    /// All letters that wait and match the filters
    #[arg(long, conflicts_with_all = ["ids", "event_ids"], required_unless_present_any = ["ids", "event_ids"])]
    all: bool,

    #[command(flatten)]
    filter: FilterArgs,

    /// Only say what would become of each letter and its saga
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    by: ByArgs,

    /// Print JSON, as POST /internal/v1/sagas/replay answers
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    config: ConfigArgs,
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
    #[arg(long = "id", value_name = "NUMBER")]
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
    config: ConfigArgs,
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

/// Words that are searched for.
#[derive(Debug, Clone)]
struct Searched(Vec<String>);

fn searched(text: &str) -> Result<Searched, String> {
    searched_words(text).map(Searched)
}

#[derive(Debug, Args)]
struct FilterArgs {
    /// Only letters of this reason, such as INVALID_NAME
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,

    /// Only letters in this state
    #[arg(long, value_name = "STATE")]
    state: Option<StateArg>,

    /// Only letters of this saga
    #[arg(long, value_name = "ID")]
    saga_id: Option<String>,

    /// Only letters about this order, by the event or by what can be read of its bytes
    #[arg(long, value_name = "ID")]
    order_id: Option<String>,

    /// Only letters with all these words in their message or ids, each the beginning of one
    #[arg(long, value_name = "WORDS", value_parser = searched)]
    search: Option<Searched>,

    /// Only letters that were on this topic before
    #[arg(long, value_name = "TOPIC")]
    origin_topic: Option<String>,

    /// Only letters that died at this time (RFC 3339) or later
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,

    /// Only letters that died at this time (RFC 3339) or earlier
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArg {
    Waiting,
    Replayed,
    Dismissed,
}

/// What `--json` prints of a list.
#[derive(Serialize)]
struct Listed {
    content: Vec<LetterView>,
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
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let letters = block_on(async {
            let desk = Desk::open(&settings).await?;
            desk.list(self.filter.into_filter(), self.limit).await
        })?;
        if self.json {
            return output::print_json(&Listed { content: letters });
        }
        output::print(&letters.iter().map(line_of_letter).collect::<String>())
    }
}

impl ReplayArgs {
    fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let named = Named {
            ids: self.ids,
            event_ids: self.event_ids,
        };
        let mut filter = self.filter.into_filter();
        if self.all {
            filter.state.get_or_insert(LetterState::Waiting);
        } else {
            filter.named = Some(named);
        }
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
        let done = block_on(async { Ok(Desk::open(&settings).await?.letters.replay(order).await?) })?;
        if self.json {
            output::print_json(&done)?;
        } else {
            output::print(&lines(&done))?;
        }
        match (done.failed, done.ended_by) {
            (_, Some(error)) => Err(CliError::failed(format_args!(
                "{error}; the letters after the first {} were not replayed",
                done.requested
            ))),
            (0, None) => Ok(()),
            (failed, None) => Err(CliError::failed(format_args!(
                "{failed} of {} dead letters were not replayed; they wait on",
                done.requested
            ))),
        }
    }
}

impl DisposalArgs {
    fn run(self, disposal: Disposal, note: Option<String>) -> Result<(), CliError> {
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let mut filter = self.filter.into_filter();
        filter.without_dismissed = false;
        filter.named = (!self.all).then_some(Named {
            ids: self.ids,
            event_ids: Vec::new(),
        });
        let order = DisposalOrder {
            disposal,
            at: Timestamp::now(),
            actor: self.by.actor(),
            note,
        };
        let done = match disposal {
            Disposal::Dismiss => "dismissed",
            Disposal::Restore => "restored",
        };
        let dry_run = self.dry_run;
        let letters = block_on(async {
            let store = Desk::open(&settings).await?.store;
            match dry_run {
                true => Ok(store.count_disposable(&filter, disposal).await?),
                false => dispose_all(&*store, &filter, &order).await,
            }
        })?;
        if dry_run {
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
        output::print(&format!("{letters} dead letters {done}\n"))
    }
}

/// Some at a time; how many.
async fn dispose_all(
    store: &dyn Store,
    filter: &LetterFilter,
    order: &DisposalOrder,
) -> Result<u64, CliError> {
    let mut all = 0;
    loop {
        let disposed = store.dispose(filter, order, PAGE).await?;
        all += disposed.len() as u64;
        if disposed.len() < PAGE as usize {
            return Ok(all);
        }
    }
}

/// The database, with what a replay needs.
struct Desk {
    store: Arc<dyn Store>,
    letters: DeadLetters,
}

impl Desk {
    async fn open(settings: &Settings) -> Result<Self, CliError> {
        let database = settings.database()?;
        let definitions = load_definitions(&settings.definitions_dir()?)?;
        let options = StoreOptions {
            definitions: definitions.into(),
            max_connections: 2,
        };
        let store = saga_store::connect(database.url.expose(), options).await?;
        // What a replay makes fail is sent to webhooks by the collectors.
        note_failures(&settings.webhooks()?, &*store);
        // The numbers of this process end with it; those of the database are right for everybody.
        let metrics = Arc::new(Metrics::new([]));
        let letters = DeadLetters::new(
            store.clone(),
            settings.schema_registry()?,
            metrics,
            settings.redaction.resolve()?.into(),
        );
        Ok(Self { store, letters })
    }

    async fn list(&self, filter: LetterFilter, limit: u32) -> Result<Vec<LetterView>, CliError> {
        let mut listed = Vec::new();
        let mut after = None;
        while listed.len() < limit as usize {
            let left = limit - u32::try_from(listed.len()).unwrap_or(limit);
            let page = self.page(filter.clone(), after, left.min(PAGE)).await?;
            listed.extend(self.letters.views(page.letters).await);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(listed)
    }

    async fn page(
        &self,
        filter: LetterFilter,
        after: Option<LetterPlace>,
        size: u32,
    ) -> Result<saga_store::LetterPage, CliError> {
        Ok(self.store.letters(&LetterQuery { filter, after, size }).await?)
    }
}

impl FilterArgs {
    fn into_filter(self) -> LetterFilter {
        LetterFilter {
            acknowledged: None,
            scope: Scope::All,
            named: None,
            reason: self.reason,
            without_dismissed: self.state.is_none(),
            state: self.state.map(|state| match state {
                StateArg::Waiting => LetterState::Waiting,
                StateArg::Replayed => LetterState::Replayed,
                StateArg::Dismissed => LetterState::Dismissed,
            }),
            saga_id: self.saga_id,
            order_id: self.order_id,
            cause: None,
            words: self.search.map(|Searched(words)| words).unwrap_or_default(),
            origin_topic: self.origin_topic,
            from: self.from,
            to: self.to,
        }
    }
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        Self::failed(error)
    }
}

fn line_of_letter(letter: &LetterView) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{:>6}  {}  {:<8}  {:<20}  saga {}  event {}  {}\n",
        letter.id,
        letter.dead_since,
        letter.state.as_str(),
        letter.reason,
        or_dash(&letter.saga_id),
        or_dash(&letter.event_id),
        letter.message,
    ) + &letter.partial.as_ref().map(lines_of_partial).unwrap_or_default()
}

/// What can be read of a letter that is no event, and where it broke.
fn lines_of_partial(partial: &PartialView) -> String {
    let of_field = |field: &PartialFieldView| {
        let value = field.value.as_deref().unwrap_or("null");
        format!(
            "{:>10}  {:<14}  {}\n",
            field.offset,
            field.name,
            value.escape_debug()
        )
    };
    let broken = partial.broken_at.map_or_else(String::new, |offset| {
        let field = partial.field.as_deref().unwrap_or("the end");
        format!("{offset:>10}  {field:<14}  broken: {}\n", partial.fault)
    });
    partial.fields.iter().map(of_field).collect::<String>() + &broken
}

fn lines(report: &ReplayReport) -> String {
    let mut text: String = report.results.iter().map(line_of_result).collect();
    let would = if report.dry_run { "would be " } else { "" };
    let ReplayReport {
        successful,
        requested,
        ..
    } = report;
    text.push_str(&format!("{successful} of {requested} {would}replayed\n"));
    text
}

fn line_of_result(result: &Replayed) -> String {
    let id = result.dead_letter_id.map(|id| id.to_string());
    let status = |status: Option<saga_types::SagaStatus>| status.map_or("-", |status| status.as_str());
    let mut line = format!(
        "{:>6}  {:<16}  saga {}  {} -> {}",
        id.as_deref().unwrap_or("-"),
        result.status.as_str(),
        result.saga_id.as_deref().unwrap_or("-"),
        status(result.before),
        status(result.after),
    );
    if let Some(message) = &result.message {
        line.push_str("  ");
        line.push_str(message);
    }
    line.push('\n');
    line
}
