//! Why a configuration is refused.

use std::{borrow::Cow, path::PathBuf};

use thiserror::Error;

/// Why the collector refuses a configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line and key if known, and what it should be.
        reason: String,
    },
    /// A value cannot be used, wherever it came from.
    #[error("{key}: {reason}")]
    Value {
        /// The key's path, such as `kafka.topic`.
        key: Cow<'static, str>,
        /// What is wrong, and what it should be.
        reason: String,
    },
    /// An environment variable that looks like one of ours, but is none.
    #[error("the environment variable {name} is not known{suggestion}")]
    Variable {
        /// The variable.
        name: String,
        /// `; did you mean …?`, or nothing.
        suggestion: String,
    },
    /// `--profile` without `--config`.
    #[error("a profile needs a configuration file: give --config (or SAGA_SERVER_CONFIG) too")]
    ProfileWithoutFile,
}

impl ConfigError {
    /// A value that cannot be used.
    pub(super) fn value(key: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::Value {
            key: key.into(),
            reason: reason.into(),
        }
    }
}
