//! Topics that exist already: each is consumed as ingest consumes its own, and its records become events on the topic.
//!
//! | stage | file | hands on |
//! | --- | --- | --- |
//! | consume | `kafka::consume_loop` | a `Batch` of raw records |
//! | read | `avro` | values by the schema registry, as JSON |
//! | map | `map`, [`MapRecord`] by who starts it | an event of a record, or why it gives none |
//! | publish | `publish`, [`PublishEvents`] | nothing: the broker acknowledges |
//! | dead-letter | `dead_letters::write` | nothing: the topic acknowledges |
//! | commit | `kafka::consume_loop` | the batch's offsets |
//!
//! `pipeline` takes each batch through them, `ports` has what others do for it, and `health` says how a source is. `preview` reads a
//! topic and maps its records, for a look before a source is configured.
//!
//! Rule of thumb: an offset is committed only when the event of every record before it is acknowledged, or its dead letter.
//! Whatever is read again gives the same events, so a repeated batch changes nothing. A source never makes the collector
//! unready: the events of others are stored all the same.

mod avro;
mod health;
pub(crate) mod map;
mod pipeline;
mod ports;
mod preview;
mod publish;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use saga_store::Store;
use tokio_util::sync::CancellationToken;

pub use map::Mapped;
pub use ports::{MapRecord, MappedRecord, Publication, PublishEvents, Record, Value};
pub use preview::{Previewed, preview};

use crate::{
    backoff::Backoff,
    dead_letters::{letter_log::LetterLog, write::DeadLetterWriter},
    freshness::Progress,
    health::Health,
    ingest::{RegistryConfig, wait_reports::WaitReports},
    kafka::{
        ConsumeThread, ConsumerError, KafkaConfig,
        consume_loop::{self, BatchLimits},
        consumer::ConsumerObservers,
        consumer_config::ConsumerConfig,
        dead_letter_producer::DeadLetterProducer,
        permission::{Refusals, ReportTo},
        status::ConsumerStatus,
    },
    metrics::Metrics,
};

/// Each record may be mapped by expressions, and each event waits for the broker.
const LIMITS: BatchLimits = BatchLimits {
    size: 1_000,
    wait: Duration::from_millis(50),
};

/// What the client may read ahead.
const SETTINGS: [(&str, &str); 2] = [
    ("queued.max.messages.kbytes", "8192"),
    ("queued.min.messages", "2000"),
];

/// How long the end of one may take; who stops it may wait less.
const STOP_WITHIN: Duration = Duration::from_secs(600);

/// What one source works with.
#[derive(Clone)]
pub struct SourceParts {
    /// Its name, which is that of its mapping.
    pub name: String,
    /// Its topic.
    pub topic: String,
    /// Its consumer group.
    pub group: String,
    /// Properties of its consumer, beside those of all clients.
    pub properties: BTreeMap<String, String>,
    /// The broker, and the topic of dead letters.
    pub kafka: KafkaConfig,
    /// Where the writers' schemas are, if values may be Avro.
    pub registry: Option<RegistryConfig>,
    /// After how long offsets that cannot be read are skipped; never when none.
    pub skip_unreadable_after: Option<Duration>,
    /// Where dead letters are kept that their topic does not take, if there is a database.
    pub store: Option<Arc<dyn Store>>,
    /// Makes events of records.
    pub mapper: Arc<dyn MapRecord>,
    /// Writes events to the topic.
    pub publisher: Arc<dyn PublishEvents>,
    /// Reports how it is.
    pub health: Arc<Health>,
    /// Counts what was done.
    pub metrics: Arc<Metrics>,
}

/// Consumes all of them until stopped. One whose client cannot go on is started again.
pub async fn run(sources: Vec<SourceParts>, stop: CancellationToken) {
    futures_util::future::join_all(sources.into_iter().map(|parts| keep(parts, stop.clone()))).await;
}

async fn keep(parts: SourceParts, stop: CancellationToken) {
    let name = parts.name.clone();
    parts.metrics.sources.begin(&name);
    let mut backoff = Backoff::new();
    while !stop.is_cancelled() {
        let error = match start(parts.clone()) {
            Ok(mut source) => tokio::select! {
                error = source.ended() => error,
                () = stop.cancelled() => {
                    source.stop(STOP_WITHIN).await;
                    return;
                }
            },
            Err(error) => error,
        };
        tracing::error!(source = name, %error, "source ended, restarting");
        health::failed(&parts, &error.to_string());
        backoff.wait(&stop).await;
    }
}

fn start(parts: SourceParts) -> Result<ConsumeThread, ConsumerError> {
    let stop = CancellationToken::new();
    let status = Arc::<ConsumerStatus>::default();
    let progress = Arc::<Progress>::default();
    // What this client says of broker and registry concerns the source alone.
    let client_health = Arc::new(Health::starting(&[]));
    let kafka = KafkaConfig {
        topic: parts.topic.clone(),
        group: parts.group.clone(),
        ..parts.kafka.clone()
    };
    let dead_letters = DeadLetterWriter {
        producer: DeadLetterProducer::connect(&kafka)?.into(),
        kafka: kafka.clone(),
        store: parts.store.clone(),
        health: parts.health.clone(),
        metrics: parts.metrics.clone(),
        status: status.clone(),
        log: LetterLog::of(&kafka.topic),
        stop: stop.clone(),
    };
    let observers = ConsumerObservers {
        health: client_health.clone(),
        lag: parts.metrics.sources.lag(&parts.name),
        progress: progress.clone(),
        status: status.clone(),
    };
    let consumer = consumer(&parts, kafka, observers);
    let watched = health::Watched {
        parts: parts.clone(),
        client_health: client_health.clone(),
        status: status.clone(),
        progress,
    };
    let (batches, work_queue) = consume_loop::queue();
    let (done, done_queue) = std::sync::mpsc::channel();
    let worker = pipeline::Worker::new(
        parts,
        WaitReports {
            health: client_health,
            status,
        },
        dead_letters,
        stop.clone(),
    );
    let thread = consume_loop::spawn(LIMITS, consumer, stop.clone(), batches, done_queue)?;
    tokio::spawn(watched.run(stop));
    tokio::spawn(worker.run(work_queue, done));
    Ok(thread)
}

fn consumer(parts: &SourceParts, mut kafka: KafkaConfig, observers: ConsumerObservers) -> ConsumerConfig {
    kafka.properties.extend(parts.properties.clone());
    ConsumerConfig {
        topic: kafka.topic.clone(),
        group: kafka.group.clone(),
        kafka,
        how_made: "a source is to read it",
        settings: &SETTINGS,
        refusals: Refusals::reported_to(ReportTo::Ingest(observers.status.clone())),
        observers: Some(observers),
        skip_unreadable_after: parts.skip_unreadable_after,
        batches_skipped: parts.metrics.ingest.batches_skipped.clone(),
        replaced: parts.metrics.ingest.clients_replaced.clone(),
    }
}
