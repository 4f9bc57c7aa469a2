//! Why a service could not start.

use std::net::SocketAddr;

use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::ConfigError;

/// Why a service could not start. Once it runs, it retries what fails.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShopError {
    /// A file or variable is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The service's database cannot be opened.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// Kafka's client cannot start, or the topics cannot be made.
    #[error("kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// The topics could not be made.
    #[error("the topic {topic} cannot be made: {problem}")]
    Topic {
        /// The topic.
        topic: String,
        /// What the broker says.
        problem: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address as configured.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The tracker is enabled, and configured wrongly.
    #[error("tracker: {0}")]
    Tracker(#[from] saga_sdk::ConnectError),
}
