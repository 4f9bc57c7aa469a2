//! Why no event of a request was looked at.

use thiserror::Error;

use crate::{
    body::BodyError,
    config::{MAX_EVENTS, MAX_ITEMS},
    format::{UnsupportedEncoding, UnsupportedFormat},
};

/// Why no event of a request was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// 415.
    #[error(transparent)]
    Format(#[from] UnsupportedFormat),
    /// 415.
    #[error(transparent)]
    Encoding(#[from] UnsupportedEncoding),
    /// By its kind.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 413.
    #[error("the body has more than {MAX_EVENTS} events")]
    TooMany,
    /// 413.
    #[error("the body has more than {MAX_ITEMS} {0}s")]
    TooManyItems(&'static str),
    /// 400.
    #[error("there is no mapping for the source {0:?}")]
    UnknownSource(String),
    /// 400.
    #[error("the body {0}")]
    Unreadable(String),
}
