//! A Kafka consumer that survives what brokers do, and the producer of dead letters. Only this folder speaks rdkafka.
//!
//! | part | what |
//! | --- | --- |
//! | `config`, `error` | how the brokers are reached, and why a consumer cannot go on |
//! | `consumer_config`, `consumer` | the consumer's settings, and what its callbacks say |
//! | `headers`, `record` | a record as it came, and batches of them |
//! | `consume_loop` | one thread: poll, gather a batch, hand it on, commit what was stored |
//! | `partitions` | what is in work, paused and committed of each partition |
//! | `topic_id`, `topic_identity` | which topic the name stands for, and whether offsets are of that one |
//! | `statistics`, `stall` | what the client says of itself, and whether it still reads on |
//! | `snapshot` | the records that a topic holds now, without a group |
//! | `status` | what hinders consuming, for health |
//! | `acknowledging_producer` | a producer whose callers wait for acknowledgements |
//! | `dead_letter_producer` | writes dead letters and waits for the acknowledgement |
//! | `permission` | what the broker refuses, and whether it is granted by now |
//! | `unreadable` | batches that the client cannot read |
//! | `topic_limits` | what topics let a record take in memory |
//! | `dead_letter_form` | how much of a record a dead letter holds |

mod acknowledging_producer;
mod config;
pub(crate) mod consume_loop;
pub(crate) mod consumer;
pub(crate) mod consumer_config;
pub(crate) mod dead_letter_form;
pub(crate) mod dead_letter_producer;
mod error;
mod headers;
mod partitions;
pub(crate) mod permission;
pub(crate) mod record;
pub(crate) mod snapshot;
mod stall;
mod statistics;
pub(crate) mod status;
mod topic_id;
mod topic_identity;
pub mod topic_limits;
mod unreadable;

pub use config::{ClientCertificate, KafkaConfig, KafkaSecurity, SaslMechanism, SecurityProtocol};
pub use consume_loop::ConsumeThread;
pub use error::ConsumerError;
