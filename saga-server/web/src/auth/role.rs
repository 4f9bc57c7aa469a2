//! What callers may do.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// What a caller may do, the least first; [`Role::may`] says which of them includes which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May record events, and see nothing.
    Recorder,
    /// May read.
    Viewer,
    /// May also record events, and change: correct a status, replay dead letters.
    Operator,
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be viewer, operator or recorder")]
pub struct UnknownRole;

impl Role {
    /// As the configuration calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorder => "recorder",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

impl Role {
    /// Whether it may do what another one is for.
    #[must_use]
    pub const fn may(self, needed: Self) -> bool {
        match needed {
            Self::Recorder => matches!(self, Self::Recorder | Self::Operator),
            Self::Viewer => matches!(self, Self::Viewer | Self::Operator),
            Self::Operator => matches!(self, Self::Operator),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Viewer, Self::Operator, Self::Recorder]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}
