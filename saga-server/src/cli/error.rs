//! Why a command ends without having done its work.

use std::{fmt, process::ExitCode};

use saga_types::definition::LoadError;
use thiserror::Error;

use crate::{
    config::{ConfigError, explain},
    dev::DevError,
    server::ServerError,
};
use saga_store::StoreError;

/// Why a command ends without having done its work, as its exit code.
#[derive(Debug, Error)]
pub enum CliError {
    /// The command or its configuration is wrong: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Something failed while running: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// A dry run found something to do: exit code 3.
    #[error("something differs; the same command without --dry-run repairs it")]
    Differences,
    /// A dry run found documents that a mapping takes and that are wrong: exit code 3.
    #[error("{0}")]
    Unmapped(String),
    /// A version fails more often than the one before: exit code 3.
    #[error("the candidate is worse")]
    Worse,
    /// Whether it does cannot be said yet: exit code 4.
    #[error("not yet known; ask again later, or with --wait")]
    NotYetKnown,
    /// Nothing is there that was asked for: exit code 5.
    #[error("{0}")]
    NotFound(String),
    /// The token is missing or unknown, or does not suffice: exit code 6.
    #[error("{0}")]
    Refused(String),
}

impl CliError {
    pub(super) fn usage(reason: impl fmt::Display) -> Self {
        Self::Usage(reason.to_string())
    }

    pub(super) fn failed(reason: impl fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
            Self::Differences | Self::Unmapped(_) | Self::Worse => ExitCode::from(3),
            Self::NotYetKnown => ExitCode::from(4),
            Self::NotFound(_) => ExitCode::from(5),
            Self::Refused(_) => ExitCode::from(6),
        }
    }
}

impl From<clap::Error> for CliError {
    fn from(error: clap::Error) -> Self {
        Self::usage(error)
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Usage(explain(&error))
    }
}

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> Self {
        Self::usage(format_args!("definitions: {error}"))
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Configuration(reason) => Self::usage(format_args!("database.url: {reason}")),
            other => Self::failed(other),
        }
    }
}

impl From<ServerError> for CliError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Definitions(error) => error.into(),
            ServerError::Store(error) => error.into(),
            error @ (ServerError::Archive(_) | ServerError::Mapping(_) | ServerError::Webhooks(_)) => {
                Self::usage(error)
            }
            other => Self::failed(other),
        }
    }
}

impl From<DevError> for CliError {
    fn from(error: DevError) -> Self {
        match error {
            DevError::Server(error) => error.into(),
            DevError::Config(error) => error.into(),
            other => Self::failed(other),
        }
    }
}
