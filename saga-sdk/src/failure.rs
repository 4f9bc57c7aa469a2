//! Why a step that was run failed: an error with all its causes, or a text.

use std::{error::Error, fmt};

/// An error that [`StepRun::of`](crate::StepRun::of) records as `failureReason`, with its causes: any
/// [`Error`], a boxed one, `anyhow::Error` and its like, or a text.
///
/// `Kind` only keeps the implementations apart, and is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be recorded as the reason of a failed step",
    note = "implement `std::error::Error` for it, or map the error to a text: `.map_err(|error| error.to_string())`"
)]
pub trait FailureCause<Kind> {
    /// The error and its causes, the outermost first, joined by `: `.
    fn chain(&self) -> String;
}

/// A type that is an error itself.
#[derive(Debug)]
pub struct IsError;

/// A type that holds an error, such as `anyhow::Error`.
#[derive(Debug)]
pub struct HoldsError;

/// A type that holds an error that stays on its thread, such as `Box<dyn Error>`.
#[derive(Debug)]
pub struct HoldsLocalError;

/// A text.
#[derive(Debug)]
pub struct IsText;

impl<E: Error> FailureCause<IsError> for E {
    fn chain(&self) -> String {
        chain(self.to_string(), self.source())
    }
}

impl<E: AsRef<dyn Error + Send + Sync>> FailureCause<HoldsError> for E {
    fn chain(&self) -> String {
        let error = self.as_ref();
        chain(error.to_string(), error.source())
    }
}

impl<E: AsRef<dyn Error>> FailureCause<HoldsLocalError> for E {
    fn chain(&self) -> String {
        let error = self.as_ref();
        chain(error.to_string(), error.source())
    }
}

impl FailureCause<IsText> for String {
    fn chain(&self) -> String {
        self.clone()
    }
}

impl FailureCause<IsText> for &str {
    fn chain(&self) -> String {
        (*self).to_owned()
    }
}

impl FailureCause<IsText> for fmt::Arguments<'_> {
    fn chain(&self) -> String {
        self.to_string()
    }
}

/// Many errors show their cause in their own text, which is not repeated then.
fn chain(mut text: String, source: Option<&(dyn Error + 'static)>) -> String {
    for cause in std::iter::successors(source, |cause: &&(dyn Error + 'static)| (*cause).source()) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("charging failed")]
    struct Charging(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("payment failed: {0}")]
    struct Payment(#[source] Charging);

    fn recorded<K>(cause: impl FailureCause<K>) -> String {
        cause.chain()
    }

    #[test]
    fn every_cause_is_named_once() {
        let error = || Payment(Charging(io::Error::other("connection refused")));
        let expected = "payment failed: charging failed: connection refused";
        assert_eq!(recorded(error()), expected);
        assert_eq!(recorded(Box::<dyn Error + Send + Sync>::from(error())), expected);
        assert_eq!(recorded(Box::<dyn Error>::from(error())), expected);
        assert_eq!(recorded("out of stock"), "out of stock");
        assert_eq!(recorded("out of stock".to_owned()), "out of stock");
    }
}
