//! The one constructor: Kafka when enabled, else nothing.

use std::sync::Arc;

use crate::{ConnectError, NoOpClient, SagaConfig, SagaTrackerClient};

/// Makes the client that the configuration asks for: Kafka when `enabled` is `true`, else a [`NoOpClient`].
///
/// Returns at once, also while Kafka is unavailable: the connection is made in the background, and what keeps it from
/// being made is logged within seconds. A disabled configuration is not checked any further.
///
/// Logs one line, at level `INFO`: on or off and why, the topic, the brokers, and the files, profiles and variables that
/// were read; and a warning for each name in them that looks misspelt.
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
/// [`ConnectError`] when an enabled configuration lacks something, has a placeholder such as `${KAFKA}` that was not
/// filled, or asks for what this build cannot do.
pub fn connect(config: &SagaConfig) -> Result<Arc<dyn SagaTrackerClient>, ConnectError> {
    let client: Arc<dyn SagaTrackerClient> = if config.is_enabled() {
        refuse_placeholders(config)?;
        enabled(config)?
    } else {
        Arc::new(NoOpClient)
    };
    log_start(config);
    Ok(client)
}

pub(crate) fn refuse_placeholders(config: &SagaConfig) -> Result<(), ConnectError> {
    match config.unfilled_placeholder() {
        None => Ok(()),
        Some((key, name)) => Err(ConnectError::invalid(
            &key,
            format!(
                "the placeholder ${{{name}}} was not filled: set the variable {name}, or give a default ${{{name}:...}}"
            ),
        )),
    }
}

fn log_start(config: &SagaConfig) {
    let origin = &config.origin;
    let (files, profiles) = (origin.files.join(","), origin.profiles.join(","));
    let variables = origin.variables.join(",");
    if config.is_enabled() {
        tracing::info!(
            topic = config.topic,
            brokers = config.bootstrap_servers.as_deref().unwrap_or_default(),
            service = config.service_name.as_deref().unwrap_or_default(),
            files,
            profiles,
            variables,
            "saga tracker on"
        );
    } else {
        let reason = match config.enabled {
            None => "platform.saga.enabled is not set",
            Some(_) => "platform.saga.enabled is false",
        };
        tracing::info!(reason, files, profiles, variables, "saga tracker off");
    }
    for note in &origin.notes {
        tracing::warn!("saga tracker configuration: {note}");
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
