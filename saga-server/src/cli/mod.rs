//! The commands. One file for each: its flags and what it does.
//!
//! | part | what |
//! | --- | --- |
//! | `serve`, `gateway`, `dev`, `healthcheck` | run a collector, a gateway or everything, and ask whether it is ready |
//! | `get`, `search`, `tail`, `compare`, `ack`, `mcp`, `webhooks` | ask a running tracker |
//! | `dlt`, `erase` | dead letters and a person's data, in the database or by a running tracker |
//! | `migrate`, `rebuild`, `archive`, `topics` | tables, folds, archive and topics |
//! | `check`, `definitions`, `infer`, `fold`, `map`, `token` | try a configuration, definitions or a mapping; make a token |
//! | `help`, `man`, `completions`, `openapi` | what the commands and the API say of themselves |
//! | `unused` | options that a command does not use |
//! | `tracker`, `by` | the running tracker that is asked, and who has something changed |
//! | `sagas`, `saga_view`, `compare_types`, `rebuild_groups`, `table`, `show`, `output` | what is printed, and how |
//! | `logging`, `signals`, `error` | log lines, signals, and why a command ends |
//!
//! Rule of thumb: output goes to stdout, everything else to stderr; the exit code is 0, 1 when something failed while
//! running, 2 when the command or its configuration is wrong, 3 when a dry run found something to do or a version is worse, 4
//! when that is not known yet, 5 when nothing was found, 6 when a token does not suffice.

mod ack;
mod archive;
mod by;
mod check;
mod compare;
mod compare_types;
mod completions;
mod definitions;
mod dev;
mod dlt;
mod erase;
mod error;
mod fold;
mod gateway;
mod get;
mod healthcheck;
mod help;
mod infer;
mod logging;
mod man;
mod map;
mod mcp;
mod migrate;
mod openapi;
mod output;
mod rebuild;
mod rebuild_groups;
mod saga_view;
mod sagas;
mod search;
mod serve;
mod show;
mod signals;
mod table;
mod tail;
mod token;
mod topics;
mod tracker;
mod unused;
mod webhooks;

use std::{ffi::OsString, process::ExitCode};

use clap::{FromArgMatches, Parser, Subcommand};

pub use error::CliError;

/// Saga Tracker's collector: it reads the steps of sagas from Kafka, stores them, and answers where each saga is.
#[derive(Debug, Parser)]
#[command(name = "saga-server", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole collector in one process: embedded broker, SQLite, REST; to try it out
    Dev(dev::DevArgs),
    /// Run the collector: read events from Kafka, store them, answer HTTP
    Serve(serve::ServeArgs),
    /// Bring the database's tables to the newest version
    Migrate(migrate::MigrateArgs),
    /// Recompute the stored state of each saga from its steps, and report differences; collectors may keep running
    Rebuild(rebuild::RebuildArgs),
    /// Manage the topics in Kafka
    Topics(topics::TopicsArgs),
    /// List, replay, dismiss and restore dead letters: events that could not be stored
    Dlt(Box<dlt::DltArgs>),
    /// Erase a person's data from database, archive and dead letters, by a key and value of the metadata
    ///
    /// It erases all metadata of every saga in which an event has the value, with failure reasons derived from it, and the content of dead
    /// letters that hold it or belong to such a saga. Sagas, their states, order ids and the names of services, traces and versions
    /// stay, with a mark. Ended by a signal or an error, it is finished by the same command. Kafka keeps its records until their
    /// retention ends; an event that is delivered again restores nothing.
    Erase(erase::EraseArgs),
    /// List the archive, restore sagas from it for reading, or archive now what is due
    Archive(archive::ArchiveArgs),
    /// Print the states that recorded events give, without Kafka and database
    Fold(fold::FoldArgs),
    /// Check saga definitions, and draw the expected path of a saga type
    Definitions(definitions::DefinitionsArgs),
    /// Ask a running tracker for a saga by its id, or for the sagas of an order
    ///
    /// An id of a saga, else that of an order. The only saga of an order is shown as by its own id; several are a list. The exit code is 5
    /// when nothing has this id.
    Get(get::GetArgs),
    /// Ask a running tracker for the sagas that match the tokens of the filter bar
    ///
    /// The tokens are those of the filter bar: customerId:C-17 failed 'reason:"card declined"' started:yesterday. They add up; without
    /// any, all sagas match. Put a token with quotation marks into single quotes, for the shell; one that excludes is
    /// written failed:no, or follows --. The exit code is 0 when a saga matches, and 5 when none does.
    Search(search::SearchArgs),
    /// Print sagas as they change, from a running tracker
    ///
    /// A line for each change, in the columns of search; with --json the saga as it is now, one a line. The tokens are those of the filter
    /// bar that can be evaluated by the saga alone: order, type, status, service, anomaly, failed and ended. When changes were left out, as while
    /// the tracker was unavailable, stderr says it, and with --json a line {"reset": ...}. SIGINT, SIGTERM and a closed pipe end it with exit
    /// code 0.
    Tail(tail::TailArgs),
    /// Ask a running collector whether a new version of a service fails more often than the one before: exit code 0 when it
    /// does not, 3 when it does, 4 when there are too few sagas yet
    Compare(compare::CompareArgs),
    /// Acknowledge sagas, dead letters and groups of failures in a running tracker, so that others see who works on them
    Ack(ack::AckArgs),
    /// Show which steps and sagas a mapping makes of recorded documents; writes nothing
    Map(map::MapArgs),
    /// Answer questions of a language model on standard input and output (Model Context Protocol), by asking a running collector
    Mcp(mcp::McpArgs),
    /// Run the gateway alone: accept events over HTTP and write them to the topic; needs no database
    Gateway(gateway::GatewayArgs),
    /// Inspect the configuration
    Config(check::ConfigCommandArgs),
    /// Ask a running collector whether it is ready
    Healthcheck(healthcheck::HealthcheckArgs),
    /// List what webhooks have not received yet, or send one an example
    Webhooks(webhooks::WebhooksArgs),
    /// Make a token for a caller: print it, and the entry of `auth.tokens` that accepts it
    Token(token::TokenArgs),
    /// Print the description of the REST API: an OpenAPI 3.1 document, as JSON
    Openapi(openapi::OpenapiArgs),
    /// Print the script by which a shell completes commands and options
    Completions(completions::CompletionsArgs),
    /// Print the manual page of a command, or write those of all
    Man(man::ManArgs),
}

/// Runs the command that the arguments name; the first argument is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = match help::command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => return help::refuse(&error, &arguments),
    };
    let done = unused::refuse(&matches)
        .and_then(|()| Ok(Cli::from_arg_matches(&matches)?))
        .and_then(|cli| cli.command.run());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error.to_string());
            error.exit_code()
        }
    }
}

impl Command {
    fn run(self) -> Result<(), CliError> {
        match self {
            Self::Dev(args) => args.run(),
            Self::Serve(args) => args.run(),
            Self::Migrate(args) => args.run(),
            Self::Rebuild(args) => args.run(),
            Self::Topics(args) => args.run(),
            Self::Dlt(args) => args.run(),
            Self::Erase(args) => args.run(),
            Self::Archive(args) => args.run(),
            Self::Fold(args) => args.run(),
            Self::Definitions(args) => args.run(),
            Self::Get(args) => args.run(),
            Self::Search(args) => args.run(),
            Self::Tail(args) => args.run(),
            Self::Compare(args) => args.run(),
            Self::Ack(args) => args.run(),
            Self::Gateway(args) => args.run(),
            Self::Map(args) => args.run(),
            Self::Mcp(args) => args.run(),
            Self::Config(args) => args.run(),
            Self::Healthcheck(args) => args.run(),
            Self::Webhooks(args) => args.run(),
            Self::Token(args) => args.run(),
            Self::Openapi(args) => args.run(),
            Self::Completions(args) => args.run(),
            Self::Man(args) => args.run(),
        }
    }
}

/// The runtime of commands that wait for others.
fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("the runtime cannot start: {error}")))?
        .block_on(work)
}
