//! From the topic to the store: consume, decode, store, commit.
//!
//! | stage | file | hands on |
//! | --- | --- | --- |
//! | consume | `kafka::consume_loop` | a `Batch` of raw records |
//! | decode | `decode`, `schema_registry` | events, and records that are none |
//! | observe | `producer_headers` | who wrote the batch, and which of their events it holds |
//! | store | `writers` | what the database refuses, or knows with other content |
//! | dead-letter | `kafka::dead_letter_producer` | nothing: the topic acknowledges |
//! | commit | `kafka::consume_loop` | the batch's offsets |
//!
//! `pipeline` takes each batch through them. `rejection` says why a record is no event, `schema_lookup` and `schema_references`
//! ask a registry and complete its schemas, `health` and `wait_reports` say how ingest is, and `config` what may be configured.
//!
//! Rule of thumb: an offset is committed only when every record before it is in the store or in the dead letter topic.
//! Everything else may be lost, repeated or killed at any moment. A repeated batch changes nothing, so none of this
//! needs to be exact.

mod config;
pub(crate) mod decode;
mod health;
mod pipeline;
mod producer_headers;
pub(crate) mod rejection;
pub(crate) mod schema_lookup;
mod schema_references;
pub(crate) mod schema_registry;
pub(crate) mod wait_reports;
mod writers;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use config::{IngestConfig, RegistryConfig};

use crate::{
    freshness::Progress,
    health::Health,
    kafka::{
        ConsumeThread, ConsumerError, KafkaConfig,
        consume_loop::{self, BatchLimits},
        consumer::ConsumerObservers,
        consumer_config::{BY_TOPICS_CREATE, ConsumerConfig},
        dead_letter_producer::DeadLetterProducer,
        permission::{Refusals, ReportTo},
        status::ConsumerStatus,
        topic_limits,
    },
    metrics::Metrics,
};
use saga_store::Store;

/// What ingest works with.
#[derive(Clone)]
pub struct IngestParts {
    /// Where events come from and dead letters go.
    pub kafka: KafkaConfig,
    /// Where the writers' schemas are, if not all records say it themselves.
    pub registry: Option<RegistryConfig>,
    /// Sizes and waits.
    pub ingest: IngestConfig,
    /// Where events go.
    pub store: Arc<dyn Store>,
    /// Reports how broker, database and ingest are.
    pub health: Arc<Health>,
    /// Counts what was done.
    pub metrics: Arc<Metrics>,
    /// Records how far each partition is.
    pub progress: Arc<Progress>,
}

/// Begins to consume. Nothing needs to be reachable yet.
///
/// # Errors
///
/// [`ConsumerError::Client`] when a setting is wrong.
pub fn start(parts: IngestParts) -> Result<ConsumeThread, ConsumerError> {
    let stop = CancellationToken::new();
    let status = Arc::<ConsumerStatus>::default();
    let dead_letters = DeadLetterProducer::connect(&parts.kafka)?;
    let consumer = ConsumerConfig {
        kafka: parts.kafka.clone(),
        topic: parts.kafka.topic.clone(),
        group: parts.kafka.group.clone(),
        how_made: BY_TOPICS_CREATE,
        settings: &[],
        refusals: Refusals::reported_to(ReportTo::Ingest(status.clone())),
        observers: Some(ConsumerObservers {
            health: parts.health.clone(),
            lag: parts.metrics.ingest.lag(),
            progress: parts.progress.clone(),
            status: status.clone(),
        }),
        skip_unreadable_after: parts.ingest.skip_unreadable_after,
        batches_skipped: parts.metrics.ingest.batches_skipped.clone(),
        replaced: parts.metrics.ingest.clients_replaced.clone(),
    };
    let limits = BatchLimits {
        size: parts.ingest.batch_size,
        wait: parts.ingest.batch_wait,
    };
    let (batches, work_queue) = consume_loop::queue();
    let (done, done_queue) = std::sync::mpsc::channel();
    let thread = consume_loop::spawn(limits, consumer, stop.clone(), batches, done_queue)?;
    tokio::spawn(topic_limits::warn(parts.kafka.clone(), stop.clone()));
    tokio::spawn(health::watch(parts.clone(), status.clone(), stop.clone()));
    tokio::spawn(pipeline::run(parts, status, dead_letters, stop, work_queue, done));
    Ok(thread)
}
