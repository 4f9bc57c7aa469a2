//! The help, with defaults taken from the code that applies them; and messages for what clap refuses.

use std::{ffi::OsString, process::ExitCode};

use clap::{
    Arg, ArgAction, Command, CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Cli, output, unused};
use crate::config::{self, NOT_SET, REQUIRED};

/// The commands with complete help.
pub(super) fn command() -> Command {
    let defaults = config::defaults();
    with_defaults(unused::hide(Cli::command()), &|key| {
        defaults.get(key).map(String::as_str)
    })
}

fn with_defaults<'a>(command: Command, default: &impl Fn(&str) -> Option<&'a str>) -> Command {
    command
        // The value of a variable may be a secret.
        .mut_args(|argument| with_default(argument.hide_env_values(true), default))
        .mut_subcommands(|command| with_defaults(command, default))
}

fn with_default<'a>(argument: Arg, default: &impl Fn(&str) -> Option<&'a str>) -> Arg {
    let help = argument.get_help().map(ToString::to_string);
    match (help, default(argument.get_id().as_str())) {
        (_, Some(NOT_SET)) => argument,
        (Some(help), Some(REQUIRED)) => argument.help(format!("{help} [required]")),
        (Some(help), Some(default)) => argument.help(format!("{help} [default: {default}]")),
        _ => argument,
    }
}

/// Prints help when it was asked for; else says what is wrong with the arguments or the environment.
pub(super) fn refuse(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        // Asked for, so it is the output; a closed pipe is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    match variable_at_fault(error, arguments) {
        Some(variable) => output::complain(&in_words(error, &variable)),
        // With stderr closed, the exit code remains.
        None => drop(error.print()),
    }
    ExitCode::from(2)
}

/// clap names the flag even when the bad value came from its variable.
fn variable_at_fault(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return None;
    }
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = shown.split([' ', '=', '[']).next()?;
    let is_given = arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .any(|argument| argument == flag || argument.starts_with(&format!("{flag}=")));
    if is_given {
        None
    } else {
        variable_of(&Cli::command(), flag)
    }
}

fn variable_of(command: &Command, flag: &str) -> Option<String> {
    let own = command.get_arguments().find(|argument| {
        let long = argument.get_long().map(|long| format!("--{long}"));
        long.as_deref() == Some(flag)
            && !matches!(argument.get_action(), ArgAction::Help | ArgAction::Version)
    });
    own.and_then(|argument| argument.get_env())
        .map(|variable| variable.to_string_lossy().into_owned())
        .or_else(|| {
            command
                .get_subcommands()
                .find_map(|command| variable_of(command, flag))
        })
}

fn in_words(error: &clap::Error, variable: &str) -> String {
    let text = error.to_string();
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    // `error: invalid value 'x' for '--flag <X>': the reason`, and below it perhaps the possible values.
    let head = text.split("\n\n").next().unwrap_or_default();
    let reason = head
        .rsplit_once(">': ")
        .or_else(|| head.split_once("\n"))
        .map_or("", |(_, reason)| reason.trim());
    format!("the environment variable {variable} has the invalid value {value:?}: {reason}")
}
