//! The five statuses, in the order of the wire contract.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a step ended, and also what the whole saga is in.
///
/// The order of the variants is the order of the Avro enum and must not change.
///
/// ```
/// use saga_types::SagaStatus;
///
/// assert_eq!("IN_PROGRESS".parse(), Ok(SagaStatus::InProgress));
/// assert!(SagaStatus::Compensated.is_terminal());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(description = "How a step ended, and also what the whole saga is in.")
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SagaStatus {
    /// The saga has begun.
    Started,
    /// The saga is under way.
    InProgress,
    /// The step is done; of a saga: it succeeded.
    Completed,
    /// The step failed; of a saga: it failed and something may still have to be undone.
    Failed,
    /// The step undid another one; of a saga: everything is undone.
    Compensated,
}

impl SagaStatus {
    /// All statuses, in the order of the wire contract.
    pub const ALL: [Self; 5] = [
        Self::Started,
        Self::InProgress,
        Self::Completed,
        Self::Failed,
        Self::Compensated,
    ];

    /// The name on the wire, such as `IN_PROGRESS`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Compensated => "COMPENSATED",
        }
    }

    /// Whether a saga in this status has ended: completed, failed or compensated.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Compensated)
    }
}

impl fmt::Display for SagaStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that is none of the five statuses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown status {0:?}: expected STARTED, IN_PROGRESS, COMPLETED, FAILED or COMPENSATED")]
pub struct UnknownStatus(pub String);

impl FromStr for SagaStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}
