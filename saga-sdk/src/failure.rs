//! Why a step that was run failed: an error with all its causes, or a text.

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

/// What [`Saga::failed`](crate::Saga::failed) and [`StepRun::of`](crate::StepRun::of) record as `failureReason`: a text,
/// or an error with its causes, be it any [`Error`], a boxed one, or `anyhow::Error` and its like.
///
/// `Kind` only keeps the implementations apart, and is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be recorded as the reason of a failed step",
    note = "implement `std::error::Error` for it, or give its text: `error.to_string()`"
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

/// A box of an error that may not be shared between threads.
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

// Not all that is `AsRef<dyn Error>`: anyhow's is that too, and so would be ambiguous.
macro_rules! local_errors {
    ($($error:ty),+) => {$(
        impl FailureCause<HoldsLocalError> for $error {
            fn chain(&self) -> String {
                chain(self.to_string(), self.source())
            }
        }
    )+};
}

local_errors!(
    Box<dyn Error>,
    &Box<dyn Error>,
    Box<dyn Error + Send>,
    &Box<dyn Error + Send>
);

macro_rules! texts {
    ($($text:ty),+) => {$(
        impl FailureCause<IsText> for $text {
            fn chain(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

texts!(
    &str,
    &&str,
    String,
    &String,
    Cow<'_, str>,
    &Cow<'_, str>,
    Box<str>,
    Arc<str>,
    fmt::Arguments<'_>
);

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
        assert_eq!(recorded(Box::new(error()) as Box<dyn Error + Send>), expected);
        assert_eq!(recorded(anyhow::Error::from(error())), expected);
        let (borrowed, borrowed_anyhow) = (&error(), &anyhow::Error::from(error()));
        assert_eq!(recorded(borrowed), expected);
        assert_eq!(recorded(borrowed_anyhow), expected);
        assert_eq!(
            recorded(anyhow::anyhow!("refused").context("charging")),
            "charging: refused"
        );
        assert_eq!(recorded("out of stock"), "out of stock");
        assert_eq!(recorded("out of stock".to_owned()), "out of stock");
    }
}
