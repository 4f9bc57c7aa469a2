//! Where words go.

use std::io::{self, Write};

use super::CliError;

/// Prints the command's result. A reader that has seen enough and closed the pipe is no failure.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::failed(format_args!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says on stderr what went wrong. When even that is impossible, the exit code still says it.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "saga-server: {text}");
}
