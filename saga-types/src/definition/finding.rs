//! What is wrong or odd in a definition, where, and what to do.

use std::fmt;

use thiserror::Error;

/// Why a text is not a definition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}; {hint}")]
#[non_exhaustive]
pub struct DefinitionError {
    /// The line where it is, counted from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub hint: String,
}

/// What is probably a mistake in a definition that can be used all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DefinitionWarning {
    /// The line where it is, counted from 1.
    pub line: u64,
    /// What is odd.
    pub reason: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for DefinitionWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, reason, hint } = self;
        write!(formatter, "line {line}: {reason}; {hint}")
    }
}
