//! Results to stdout, messages to stderr.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use super::CliError;

/// Prints the command's result. A reader that has seen enough and closed the pipe is no failure.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(printable(text).as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::failed(format_args!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints an error to stderr. With stderr closed, the exit code remains.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "saga-server: {}", printable(text));
}

/// The text without what a terminal would obey: texts come from topics, files and archives, too.
fn printable(text: &str) -> Cow<'_, str> {
    let is_obeyed = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_obeyed(character) {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("a\tb\n\u{ac00}"), "a\tb\n\u{ac00}");
        assert_eq!(
            printable("\u{1b}[2Jx\r\u{7f}\u{9b}0m"),
            r"\u{1b}[2Jx\r\u{7f}\u{9b}0m"
        );
    }
}
