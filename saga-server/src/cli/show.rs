//! How an answer is shown: as a table for people, or as JSON for programs.

use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal},
};

use clap::{Args, ValueEnum};

/// The options of commands that show sagas.
#[derive(Debug, Args)]
#[command(next_help_heading = "How it is shown")]
pub(super) struct ShowArgs {
    /// A table, one with more columns, or JSON
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,

    /// JSON, the same as --output json
    #[arg(long, conflicts_with = "output")]
    json: bool,

    /// No colours; there are none either when the output is no terminal, or NO_COLOR is set
    #[arg(long)]
    no_color: bool,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Wide,
    Json,
}

impl ShowArgs {
    pub(super) const fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }

    pub(super) fn is_wide(&self) -> bool {
        self.format() == Format::Wide
    }

    pub(super) fn with_colours(&self) -> bool {
        let variable = env::var_os("NO_COLOR");
        are_wanted(self.no_color, variable.as_deref(), io::stdout().is_terminal())
    }
}

/// As <https://no-color.org> has it, an empty variable says nothing.
fn are_wanted(no_color: bool, variable: Option<&OsStr>, is_terminal: bool) -> bool {
    is_terminal && !no_color && variable.is_none_or(OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_owners_want_them() {
        for (no_color, variable, is_terminal, expected) in [
            (false, None, true, true),
            (false, Some(""), true, true),
            (false, Some("1"), true, false),
            (true, None, true, false),
            (false, None, false, false),
        ] {
            assert_eq!(
                are_wanted(no_color, variable.map(OsStr::new), is_terminal),
                expected
            );
        }
    }
}
