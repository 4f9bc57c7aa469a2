//! The one constructor: Kafka when enabled, else nothing.

use std::sync::Arc;

use crate::{ConnectError, NoOpClient, SagaConfig, SagaTrackerClient};

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
