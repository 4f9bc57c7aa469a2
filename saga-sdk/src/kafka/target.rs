//! Where events go.

use crate::SagaConfig;

/// What a client publishes to.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) topic: String,
    /// `host:port`, joined by commas.
    pub(super) brokers: String,
    pub(super) is_encrypted: bool,
}

impl Target {
    pub(super) fn new(config: &SagaConfig) -> Self {
        Self {
            topic: config.topic.clone(),
            brokers: config.bootstrap_servers.clone().unwrap_or_default(),
            is_encrypted: config.security.protocol.is_encrypted(),
        }
    }
}
