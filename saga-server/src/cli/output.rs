//! Results to stdout, messages to stderr.
//!
//! Rule of thumb: texts come from topics, files and archives, too, so none reaches a terminal that would obey it.

use std::{
    borrow::Cow,
    io::{self, Write},
    ops::ControlFlow,
};

use serde::Serialize;

use super::CliError;

/// Prints the command's result. A reader that has seen enough and closed the pipe is no failure.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    print_escaped(&printable(text)).map(drop)
}

/// Prints a value as JSON that people can read, too.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let json = serde_json::to_string_pretty(value).map_err(CliError::failed)?;
    print_json_text(&(json + "\n")).map(drop)
}

/// Prints JSON as it is; what a terminal would obey is escaped as JSON does it. A break when nobody reads any more.
pub(super) fn print_json_text(json: &str) -> Result<ControlFlow<()>, CliError> {
    print_escaped(&escaped(json, is_obeyed, |character| {
        format!("\\u{:04x}", u32::from(character))
    }))
}

/// Prints what holds nothing of others that is not [`plain`]. A break when nobody reads any more.
pub(super) fn print_escaped(text: &str) -> Result<ControlFlow<()>, CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(CliError::failed(format_args!("cannot write the output: {error}"))),
    }
}

/// Prints an error to stderr. With stderr closed, the exit code remains.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "saga-server: {}", printable(text));
}

/// A text in one line, without what a terminal would obey.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let is_no_text = |character: char| is_obeyed(character) || matches!(character, '\n' | '\t');
    escaped(text, is_no_text, |character| {
        character.escape_default().to_string()
    })
}

/// The same for a text of several lines.
fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_obeyed, |character| {
        character.escape_default().to_string()
    })
}

/// Control characters, and those that turn the direction of the text around them.
fn is_obeyed(character: char) -> bool {
    let is_turning = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_turning || character.is_control() && !matches!(character, '\n' | '\t')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            plain.push_str(&escape(character));
        } else {
            plain.push(character);
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("a\tb\n\u{ac00}"), "a\tb\n\u{ac00}");
        assert_eq!(
            printable("\u{1b}[2Jx\r\u{7f}\u{9b}0m\u{202e}"),
            r"\u{1b}[2Jx\r\u{7f}\u{9b}0m\u{202e}"
        );
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(plain("a\nsaga-2\tb"), r"a\nsaga-2\tb");
    }
}
