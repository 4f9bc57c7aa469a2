//! The way of a rejected record into its topic, and into the database when the topic does not take it.
//!
//! Rule of thumb: a letter is somewhere before the offset of its record is committed. What the topic refuses is kept in the
//! database, as are all letters when the topic is unavailable for long; without a database they wait for the topic.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use saga_store::{NewLetter, Store};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{letter_log::LetterLog, read};
use crate::{
    backoff::Backoff,
    failure::{Failure, Retry},
    health::{Concern, Health},
    ingest::rejection::Rejection,
    kafka::{
        KafkaConfig,
        dead_letter_producer::{DeadLetter, DeadLetterProducer, Unwritten},
        record::RawRecord,
        status::{ConsumerStatus, Stage},
    },
    metrics::Metrics,
    telemetry::spans,
};

/// How long the dead letter topic may be unavailable until its letters are kept in the database.
const KEEP_BACK_AFTER: Duration = Duration::from_secs(20);

/// The longest reason of a letter, in characters: it may repeat what came.
const REASON_CHARS: usize = 1_000;

fn beginning(reason: &str) -> &str {
    let end = reason.char_indices().nth(REASON_CHARS);
    end.map_or(reason, |(end, _)| &reason[..end])
}

/// Writes the dead letters of one consumer.
pub(crate) struct DeadLetterWriter {
    pub(crate) producer: Mutex<DeadLetterProducer>,
    /// Names the topic and the group of the consumer, and the topic of dead letters.
    pub(crate) kafka: KafkaConfig,
    /// Where letters are kept that the topic does not take.
    pub(crate) store: Option<Arc<dyn Store>>,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) status: Arc<ConsumerStatus>,
    pub(crate) log: LetterLog,
    pub(crate) stop: CancellationToken,
}

impl DeadLetterWriter {
    /// `false` only when cancelled while neither the dead letter topic nor the database takes a letter.
    pub(crate) async fn write(&self, records: &[RawRecord], rejected: &[(usize, Rejection)]) -> bool {
        if rejected.is_empty() {
            return true;
        }
        let letters: Vec<DeadLetter<'_>> = rejected
            .iter()
            .map(|(index, rejection)| DeadLetter {
                record: &records[*index],
                kind: rejection.kind,
                reason: beginning(&rejection.reason),
            })
            .collect();
        let Some(missing) = self.until_kept(letters.clone()).await else {
            return false;
        };
        self.status.goes_on(Stage::DeadLetters);
        let missing = missing
            .filter(|_| self.store.is_some())
            .map(|missing| format!("{missing}; dead letters are kept in the database only"));
        self.health.warn(Concern::DeadLetterWrite, missing);
        for letter in &letters {
            self.report(letter);
        }
        true
    }

    /// The permission that the broker refused, if it did; `None` when cancelled.
    async fn until_kept(&self, mut left: Vec<DeadLetter<'_>>) -> Option<Option<String>> {
        let mut backoff = Backoff::new();
        let span = spans::dead_letters(&self.kafka.dead_letter_topic, left.len());
        let begun = Instant::now();
        let mut missing = None;
        let mut producer = self.producer.lock().await;
        while !left.is_empty() {
            let unwritten = producer.publish(&left).instrument(span.clone()).await;
            let topic = &self.kafka.dead_letter_topic;
            missing = missing.or(unwritten
                .iter()
                .find_map(|letter| letter.missing_permission(topic)));
            let is_long = begun.elapsed() >= KEEP_BACK_AFTER;
            left = self.keep_back(unwritten, is_long).await?;
            if !left.is_empty() && !backoff.wait(&self.stop).await {
                return None;
            }
        }
        Some(missing)
    }

    /// Keeps in the database what the topic refuses, or, when it is unavailable for long, all that it did not take. Gives
    /// what is to be tried again; `None` when cancelled while the database is unavailable.
    async fn keep_back<'a>(
        &self,
        unwritten: Vec<Unwritten<'a>>,
        is_long: bool,
    ) -> Option<Vec<DeadLetter<'a>>> {
        let Some(first) = unwritten.first() else {
            return Some(Vec::new());
        };
        let error = first.error.to_string();
        let (kept, left): (Vec<_>, Vec<_>) = unwritten
            .into_iter()
            .partition(|unwritten| self.store.is_some() && (is_long || unwritten.is_refused()));
        if let (Some(store), false) = (&self.store, kept.is_empty()) {
            let letters = kept
                .iter()
                .map(|kept| read::kept_back(&kept.letter, &self.kafka.topic, &self.kafka.group));
            self.keep(&**store, letters.collect(), &error).await?;
            self.metrics.dead_letters.kept_back.inc_by(kept.len() as u64);
            if self.log.permits("KEPT_BACK") {
                tracing::error!(
                    error,
                    letters = kept.len(),
                    "dead letter topic does not accept dead letters, kept in the database only"
                );
            }
        }
        if !left.is_empty() {
            tracing::error!(error, letters = left.len(), "dead letters not written, retrying");
            let waiting = format!("dead letters cannot be written: {error}");
            self.status.waits(Stage::DeadLetters, waiting);
        }
        Some(left.into_iter().map(|unwritten| unwritten.letter).collect())
    }

    /// Keeps letters in the database, and of those that it refuses the origin and the reason. `None` when cancelled before.
    async fn keep(&self, store: &dyn Store, letters: Vec<NewLetter>, error: &str) -> Option<()> {
        let retry = Retry {
            store,
            stop: &self.stop,
        };
        let keep = |some: &[NewLetter]| store.keep_letters(some.to_vec());
        let report = |failure: &Failure| {
            tracing::error!(error, ?failure, "dead letters not kept, retrying");
            let waiting = format!("dead letters can neither be written nor kept: {error}");
            self.status.waits(Stage::DeadLetters, waiting);
        };
        let refused = retry.write_each(&letters, keep, report).await?;
        let origins: Vec<NewLetter> = refused
            .into_iter()
            .map(|(letter, reason)| read::origin_only(letter, &reason))
            .collect();
        for (letter, reason) in retry.write_each(&origins, keep, report).await? {
            let origin = &letter.letter.origin;
            if self.log.permits("NOT_KEPT") {
                tracing::error!(
                    ?origin,
                    reason,
                    "dead letter refused by its topic and by the database; its record remains in its topic only"
                );
            }
        }
        Some(())
    }

    fn report(&self, letter: &DeadLetter<'_>) {
        self.metrics.dead_letters.written(letter.kind);
        if !self.log.permits(letter.kind) {
            return;
        }
        tracing::warn!(
            topic = self.kafka.topic,
            partition = letter.record.partition,
            offset = letter.record.offset,
            kind = letter.kind,
            reason = letter.reason,
            "dead letter"
        );
    }
}
