//! The one constructor: Kafka when enabled, else nothing.

use std::sync::Arc;

use thiserror::Error;

use crate::{NoOpClient, SagaConfig, SagaTrackerClient};

/// Makes the client that the configuration asks for: Kafka when `enabled` is `true`, else a [`NoOpClient`].
///
/// Returns at once, also while Kafka is away: the connection is made in the background. A disabled configuration is not
/// checked any further.
///
/// ```
/// use saga_sdk::SagaConfig;
///
/// let tracker = saga_sdk::connect(&SagaConfig::default())?;
/// assert!(!tracker.is_enabled());
/// # Ok::<(), saga_sdk::ConnectError>(())
/// ```
///
/// # Errors
///
/// [`ConnectError`] when an enabled configuration lacks something, or asks for what this build cannot do.
pub fn connect(config: &SagaConfig) -> Result<Arc<dyn SagaTrackerClient>, ConnectError> {
    if config.is_enabled() {
        enabled(config)
    } else {
        Ok(Arc::new(NoOpClient))
    }
}

#[cfg(feature = "kafka")]
fn enabled(config: &SagaConfig) -> Result<Arc<dyn SagaTrackerClient>, ConnectError> {
    crate::kafka::connect(config)
}

#[cfg(not(feature = "kafka"))]
fn enabled(_config: &SagaConfig) -> Result<Arc<dyn SagaTrackerClient>, ConnectError> {
    Err(ConnectError::NotBuilt {
        what: "the Kafka client".to_owned(),
        feature: "kafka",
    })
}

/// Why an enabled configuration did not give a client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A key is missing that an enabled tracker needs.
    #[error("{key} is missing: set it, or the variable {variable}")]
    Missing {
        /// The whole key.
        key: &'static str,
        /// The environment variable that sets it.
        variable: &'static str,
    },
    /// A key's value cannot be used.
    #[error("{key}: {problem}")]
    Invalid {
        /// The whole key.
        key: String,
        /// What is wrong, and what it should be. Never shows a secret.
        problem: String,
    },
    /// The configuration asks for something that was left out of this build.
    #[error("{what} is not part of this build: enable the feature `{feature}` of saga-sdk")]
    NotBuilt {
        /// What is asked for.
        what: String,
        /// The Cargo feature that brings it.
        feature: &'static str,
    },
    /// librdkafka refused to start.
    #[error("the Kafka client cannot start: {0}")]
    Kafka(String),
}

#[cfg(feature = "kafka")]
impl ConnectError {
    /// A value that cannot be used, of a key below `platform.saga`.
    pub(crate) fn invalid(key: &str, problem: impl Into<String>) -> Self {
        Self::Invalid {
            key: format!("platform.saga.{key}"),
            problem: problem.into(),
        }
    }
}
