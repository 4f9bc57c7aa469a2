//! Options that a command does not use: they are hidden in its help, and refused when they are given.
//!
//! Rule of thumb: a file and the environment are for all commands, so what else they hold is left alone. An option is meant for the command
//! that it is given to, so one without effect is a mistake.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, parser::ValueSource};

use super::CliError;
use crate::config::keys;

/// What commands read, by the beginnings of the keys' paths. Those that are not named read all.
const READ: [(&str, &str); 14] = [
    (
        "gateway",
        "listen allowUnauthenticated auth kafka schemaRegistry gateway sources ingest.skipUnreadableAfter shutdownTimeout log telemetry",
    ),
    ("migrate", "database.url log"),
    ("rebuild", "database.url definitionsDir redaction log"),
    ("topics create", "kafka log"),
    (
        "dlt",
        "database.url schemaRegistry sources gateway.mappingsDir kafka definitionsDir redaction log",
    ),
    (
        "erase",
        "database.url archive schemaRegistry definitionsDir redaction log",
    ),
    ("archive list", "archive log"),
    ("archive index", "archive log"),
    ("archive restore", "archive definitionsDir log"),
    (
        "archive run",
        "database retention.after retention.unfinishedAfter archive definitionsDir log",
    ),
    ("definitions infer", "database.url log"),
    ("webhooks pending", "database.url log"),
    ("webhooks test", "pages.externalUrl owners log"),
    ("healthcheck", "listen"),
];

/// Options that are of use beside another one only.
const BESIDE: [(&str, &str, &str); 2] = [("map", "config", "topic"), ("map", "profile", "topic")];

/// Refuses an option that the command does not use.
pub(super) fn refuse(matches: &ArgMatches) -> Result<(), CliError> {
    let (command, matches) = chosen(matches);
    let mut unused = keys().into_iter().filter(|key| !is_read(&command, &key.path));
    if let Some(key) = unused.find(|key| is_given(matches, &key.path)) {
        return Err(CliError::usage(format_args!(
            "{} is not used by {command}, which reads {}",
            key.flag,
            read_by(&command).unwrap_or_default().replace(' ', ", "),
        )));
    }
    let mut beside = BESIDE.iter().filter(|(name, ..)| *name == command);
    match beside.find(|(_, option, other)| is_given(matches, option) && !is_given(matches, other)) {
        Some((_, option, other)) => Err(CliError::usage(format_args!(
            "--{option} is of use only with --{other}"
        ))),
        None => Ok(()),
    }
}

/// Hides in each command's help what it does not use.
pub(super) fn hide(command: Command) -> Command {
    let paths: Vec<String> = keys().into_iter().map(|key| key.path).collect();
    command.mut_subcommands(|command| hide_in("", command, &paths))
}

fn hide_in(above: &str, command: Command, keys: &[String]) -> Command {
    let name = format!("{above}{}", command.get_name());
    let is_unused = |id: &str| keys.iter().any(|key| key == id) && !is_read(&name, id);
    let below = format!("{name} ");
    command
        .mut_args(|argument| match is_unused(argument.get_id().as_str()) {
            true => argument.hide(true),
            false => argument,
        })
        .mut_subcommands(|command| hide_in(&below, command, keys))
}

/// The names of the command and of those above it, such as `dlt list`, and what it was given.
fn chosen(matches: &ArgMatches) -> (String, &ArgMatches) {
    let (mut names, mut matches) = (Vec::new(), matches);
    while let Some((name, below)) = matches.subcommand() {
        names.push(name);
        matches = below;
    }
    (names.join(" "), matches)
}

/// What the command reads; `None` when it reads all keys that are among its options.
fn read_by(command: &str) -> Option<&'static str> {
    let is_of = |name: &str| {
        command
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    READ.iter().find(|(name, _)| is_of(name)).map(|(_, read)| *read)
}

fn is_read(command: &str, key: &str) -> bool {
    let is_in = |part: &str| {
        key.strip_prefix(part)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    read_by(command).is_none_or(|read| read.split(' ').any(is_in))
}

/// Whether it stands on the command line itself, and not in the environment.
fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches.try_contains_id(id).unwrap_or(false) && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// The first option of the configuration that stands on the command line.
#[derive(Debug)]
pub(super) struct Given(pub(super) Option<String>);

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let of_keys = keys().into_iter().map(|key| (key.path, key.flag));
        let of_files = ["config", "profile"].map(|id| (id.to_owned(), format!("--{id}")));
        let mut flags = of_files.into_iter().chain(of_keys);
        Ok(Self(
            flags.find(|(id, _)| is_given(matches, id)).map(|(_, flag)| flag),
        ))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// It has no options of its own.
impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the document under this title.
    fn rows() -> Vec<(Vec<String>, String)> {
        let document = include_str!("../../../docs/configuration.md");
        let table = document
            .split("## What the commands read")
            .nth(1)
            .unwrap_or_default();
        let rows = table
            .lines()
            .skip_while(|line| !line.starts_with("| `"))
            .take_while(|line| line.starts_with('|'));
        let rows = rows.filter_map(|row| row.trim_matches('|').split_once('|'));
        rows.map(|(commands, read)| (quoted(commands), read.to_owned()))
            .collect()
    }

    fn quoted(text: &str) -> Vec<String> {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_document_says_what_each_command_reads() {
        let rows = rows();
        for (command, read) in READ {
            let of = |names: &[String]| {
                names
                    .iter()
                    .any(|name| read_by(name) == Some(read) && name.starts_with(command))
            };
            let (_, row) = rows
                .iter()
                .find(|(names, _)| of(names))
                .unwrap_or_else(|| panic!("{command} has no row"));
            for part in read.split(' ') {
                assert!(row.contains(&format!("`{part}`")), "{command}: {part} in {row}");
            }
        }
    }

    #[test]
    fn every_part_is_the_beginning_of_a_key() {
        for (command, read) in READ {
            for part in read.split(' ') {
                let mut keys = keys().into_iter();
                assert!(
                    keys.any(|key| key.path == part || key.path.starts_with(&format!("{part}."))),
                    "{command}: {part}"
                );
            }
        }
    }
}
