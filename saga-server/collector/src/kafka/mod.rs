//! A Kafka consumer that survives what brokers do, and the producer of dead letters. Only this folder speaks rdkafka.
//!
//! | part | what |
//! | --- | --- |
//! | `config` | how the brokers are reached |
//! | `consumer` | the consumer's settings, and what its callbacks say |
//! | `record` | a record as it came, and batches of them |
//! | `consume_loop` | one thread: poll, gather a batch, hand it on, commit what was stored |
//! | `partitions` | what is in work, paused and committed of each partition |
//! | `statistics`, `stall` | what the client says of itself, and whether it still reads on |
//! | `dead_letter_producer` | writes dead letters and waits for the acknowledgement |

mod config;
pub(crate) mod consume_loop;
pub(crate) mod consumer;
pub(crate) mod dead_letter_producer;
mod error;
mod partitions;
pub(crate) mod record;
mod stall;
mod statistics;

pub use config::{ClientCertificate, KafkaConfig, KafkaSecurity, SaslMechanism, SecurityProtocol};
pub use error::ConsumerError;
