//! Consumes the dead letter topic and keeps every letter in the database.
//!
//! It works as ingest does, with a consumer group of its own that all instances share: an offset is committed only when
//! every letter before it is kept, and the partitions pause while the database is unavailable. It never makes the collector
//! unready: events can be stored and dead letters be written all the same.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{letter_log::LetterLog, read};
use crate::{
    failure::{Failure, Retry},
    health::{Concern, Health},
    ingest::{
        RegistryConfig,
        decode::{self, Decoder},
        wait_reports::WaitReports,
    },
    kafka::{
        ConsumeThread, ConsumerError, KafkaConfig,
        consume_loop::{self, BatchLimits},
        consumer_config::{BY_TOPICS_CREATE, ConsumerConfig},
        permission::{Refusals, ReportTo},
        record::{Batch, Offsets, RawRecord},
    },
    metrics::Metrics,
    redaction::Redaction,
};
use saga_store::{NewLetter, Store};

/// Letters are few, but may be large.
const LIMITS: BatchLimits = BatchLimits {
    size: 200,
    wait: Duration::from_millis(100),
};

/// What the client may read ahead.
const SETTINGS: [(&str, &str); 2] = [
    ("queued.max.messages.kbytes", "4096"),
    ("queued.min.messages", "200"),
];

/// What following the topic needs.
pub struct CollectParts {
    /// Where letters come from.
    pub kafka: KafkaConfig,
    /// Where the writers' schemas are, if not all records say it themselves.
    pub registry: Option<RegistryConfig>,
    /// Where letters go.
    pub store: Arc<dyn Store>,
    /// What is hidden of metadata.
    pub redaction: Arc<Redaction>,
    /// Reports how the registry is.
    pub health: Arc<Health>,
    /// Counts clients that were replaced.
    pub metrics: Arc<Metrics>,
}

/// Begins to follow the dead letter topic. Nothing needs to be reachable yet.
///
/// # Errors
///
/// [`ConsumerError::Client`] when a setting is wrong.
pub fn collect(parts: CollectParts) -> Result<ConsumeThread, ConsumerError> {
    let stop = CancellationToken::new();
    let topic = parts.kafka.dead_letter_topic.clone();
    let consumer = ConsumerConfig {
        kafka: parts.kafka.clone(),
        topic: topic.clone(),
        group: format!("{}-dead-letters", parts.kafka.group),
        how_made: BY_TOPICS_CREATE,
        settings: &SETTINGS,
        refusals: Refusals::reported_to(ReportTo::Warning(parts.health.clone(), Concern::DeadLetterRead)),
        observers: None,
        skip_unreadable_after: None,
        batches_skipped: parts.metrics.ingest.batches_skipped.clone(),
        replaced: parts.metrics.ingest.clients_replaced.clone(),
    };
    let (batches, work_queue) = consume_loop::queue();
    let (done, done_queue) = std::sync::mpsc::channel();
    let worker = Worker {
        log: LetterLog::of(&topic),
        topic,
        decoder: Decoder::new(parts.registry),
        store: parts.store,
        is_hidden: !parts.redaction.is_off(),
        reports: WaitReports {
            health: parts.health,
            status: Arc::default(),
        },
        stop: stop.clone(),
    };
    let thread = consume_loop::spawn(LIMITS, consumer, stop, batches, done_queue)?;
    tokio::spawn(worker.run(work_queue, done));
    Ok(thread)
}

struct Worker {
    topic: String,
    decoder: Decoder,
    store: Arc<dyn Store>,
    /// Whether something of metadata is.
    is_hidden: bool,
    reports: WaitReports,
    log: LetterLog,
    stop: CancellationToken,
}

impl Worker {
    async fn run(
        mut self,
        mut batches: tokio::sync::mpsc::Receiver<Batch>,
        done: std::sync::mpsc::Sender<Offsets>,
    ) {
        while let Some(batch) = batches.recv().await {
            let offsets = batch.offsets();
            if !self.handle(&batch.records).await || done.send(offsets).is_err() {
                return;
            }
        }
    }

    /// Whether all letters are kept. `false` only when asked to stop while the database or the schema registry is unavailable.
    async fn handle(&mut self, records: &[RawRecord]) -> bool {
        let frames = decode::frames(records);
        if !self.decoder.prepare(&frames, &self.reports, &self.stop).await {
            return false;
        }
        let letters = records.iter().zip(frames).map(|(record, frame)| {
            let event = self.decoder.decode(frame).ok();
            read::letter(&self.topic, record, event.as_ref(), self.is_hidden)
        });
        let letters: Vec<NewLetter> = letters.collect();
        let retry = Retry {
            store: &*self.store,
            stop: &self.stop,
        };
        let keep = |some: &[NewLetter]| self.store.keep_letters(some.to_vec());
        let report = |failure: &Failure| self.report(failure);
        let Some(refused) = retry.write_each(&letters, keep, report).await else {
            return false;
        };
        self.reports.health.warn(Concern::DeadLetterStore, None);
        for (letter, reason) in refused {
            self.skip(letter, &reason);
        }
        true
    }

    /// It may be about their table alone, which no event needs.
    fn report(&self, failure: &Failure) {
        let Failure::Outage(reason) = failure else {
            tracing::debug!(?failure, "dead letters not kept, retrying");
            return;
        };
        let warning = format!("dead letters wait on their topic: {reason}");
        if self.reports.health.warn(Concern::DeadLetterStore, Some(warning)) {
            tracing::warn!(topic = self.topic, reason, "dead letters not kept, retrying");
        }
    }

    /// One letter must not hold up the others; it stays on its topic.
    fn skip(&self, letter: &NewLetter, reason: &str) {
        let letter = &letter.letter;
        if !self.log.permits("NOT_KEPT") {
            return;
        }
        tracing::error!(
            topic = self.topic,
            partition = letter.partition,
            offset = letter.offset,
            reason,
            "dead letter refused by the database; it remains on its topic only"
        );
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp as KafkaTime;
    use saga_store::StoreOptions;
    use saga_types::definition::Definitions;

    use super::*;

    #[tokio::test]
    async fn health_says_that_letters_wait_and_no_longer_when_they_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let kept = format!("sqlite://{}/sagas.db", folder.path().display());
        let health = Arc::new(Health::starting(&[]));
        let record = RawRecord::of_parts(KafkaTime::NotAvailable, b"key", b"no event", &[]);
        // Nobody listens at the first.
        for (url, is_kept) in [
            ("postgres://nobody@127.0.0.1:1/none", false),
            (kept.as_str(), true),
        ] {
            let options = StoreOptions {
                definitions: Arc::new(Definitions::built_in()),
                max_connections: 2,
            };
            let store = saga_store::connect(url, options).await.unwrap();
            if is_kept {
                store.migrate().await.unwrap();
            }
            let stop = CancellationToken::new();
            let mut worker = Worker {
                topic: "letters".to_owned(),
                decoder: Decoder::new(None),
                store,
                is_hidden: false,
                reports: WaitReports {
                    health: health.clone(),
                    status: Arc::default(),
                },
                log: LetterLog::of("letters"),
                stop: stop.clone(),
            };
            let warned = async {
                while health.warnings().is_empty() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                stop.cancel();
                std::future::pending::<bool>().await
            };
            let handled = tokio::select! {
                handled = worker.handle(std::slice::from_ref(&record)) => handled,
                waiting = warned, if !is_kept => waiting,
            };
            assert_eq!(handled, is_kept);
            let warning = health.warnings().remove(&Concern::DeadLetterStore);
            assert_eq!(warning.is_none(), is_kept, "{warning:?}");
        }
    }
}
