//! Why a topic cannot be consumed.

use rdkafka::error::KafkaError;
use thiserror::Error;

/// Why a consumer could not start, or had to end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// The client cannot be made, mostly for a setting that it does not know.
    #[error("the Kafka client cannot be made: {0}")]
    Client(#[source] KafkaError),
    /// The client says that it cannot go on. The process should end and be started again.
    #[error("the Kafka consumer cannot go on: {0}")]
    Fatal(String),
    /// The system gives the consumer no thread.
    #[error("no thread for the Kafka consumer: {0}")]
    NoThread(#[source] std::io::Error),
    /// The consumer's thread ended without a result.
    #[error("the Kafka consumer's thread ended unexpectedly")]
    ThreadEnded,
}
