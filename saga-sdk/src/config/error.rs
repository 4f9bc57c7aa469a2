//! Why a configuration was not understood.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a configuration was not understood.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file is there but cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A file is not YAML, or does not hold keys and values.
    #[error("{origin}: line {line}: {problem}")]
    Syntax {
        /// The file.
        origin: String,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong there.
        problem: String,
    },
    /// A key is unknown, or its value is not what it should be.
    #[error("{origin}: {key}: {problem}")]
    Key {
        /// The file, or `environment`.
        origin: String,
        /// The key's whole path, such as `platform.saga.enabled`, or the variable.
        key: String,
        /// What is wrong, and what it should be. Never shows a value of `security`.
        problem: String,
    },
}
