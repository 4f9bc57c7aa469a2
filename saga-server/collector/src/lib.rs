//! The collector: from the topic to the store, what could not be stored, and what is watched meanwhile.
//!
//! `saga-web` asks it for its state, and `saga-server` starts it. It depends on `saga-store` and `saga-types`.
//!
//! The parts, in the order in which an event meets them:
//!
//! | part | what |
//! | --- | --- |
//! | [`kafka`] | a resilient consumer, and the producer of dead letters; only this folder speaks rdkafka |
//! | [`ingest`] | decode, store, acknowledge: a batch on its way from the consumer to the store |
//! | `failure` | whether an event or the database is at fault, and the loop that finds out |
//! | [`sources`] | topics that exist already: their records become events on the topic |
//! | [`dead_letters`] | records that could not be stored: consumed from their topic, shown and replayed |
//! | [`corrections`], [`jobs`] | a status set by hand; and one operation on many sagas or dead letters |
//! | [`freshness`] | up to which moment everything is stored |
//! | [`live`] | sagas as they change, for many clients at once |
//! | [`list_entry`] | a saga as an entry of a list or of the stream, bounded in bytes |
//! | [`maintenance`] | what one collector of several does at intervals: late sagas, producers, retention |
//! | [`webhooks`] | stuck and failed sagas, sent to those who asked for them |
//! | [`archive`] | Parquet files of sagas that left the database |
//! | [`erasure`] | a person's data, erased from database, archive and dead letters |
//! | [`health`], [`metrics`], [`telemetry`] | what the collector reports about itself |
//! | [`owners`] | whom to ask about services and saga types |
//! | [`redaction`] | which metadata is never shown |
//! | [`http_client`], [`secret`], [`backoff`] | calls to other systems, texts that must not be shown, waits between retries |

pub mod archive;
pub mod backoff;
pub mod corrections;
pub mod dead_letters;
pub mod erasure;
mod failure;
pub mod freshness;
pub mod health;
pub mod http_client;
pub mod ingest;
pub mod jobs;
pub mod kafka;
pub mod list_entry;
pub mod live;
pub mod maintenance;
pub mod metrics;
pub mod owners;
pub mod redaction;
pub mod secret;
pub mod sources;
pub mod telemetry;
#[cfg(test)]
mod test_events;
pub mod webhooks;
