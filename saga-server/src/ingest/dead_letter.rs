//! The way into the dead letter topic: the record byte for byte, with headers that say where it came from and why.

use std::time::Duration;

use futures_util::future::join_all;
use rdkafka::{
    ClientContext, Timestamp,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use saga_types::topic::dead_letter_headers as headers;

use super::{IngestError, batch::RawRecord, context, decode::Rejection};
use crate::config::KafkaConfig;

/// The longest reason in a header, in characters.
const MAX_REASON_CHARS: usize = 1_000;

/// Settings that configuration may override.
const DEFAULTS: [(&str, &str); 5] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("linger.ms", "5"),
    // The dead letter is larger than the record it holds.
    ("message.max.bytes", "2000000"),
    // Whoever waits decides how often to try again.
    ("message.timeout.ms", "10000"),
];

/// A record that cannot be stored, and why.
pub(super) struct DeadLetter<'a> {
    pub(super) record: &'a RawRecord,
    pub(super) rejection: &'a Rejection,
}

/// Writes dead letters.
pub(super) struct DeadLetters {
    producer: FutureProducer<DeadLetterContext>,
    source_topic: String,
    dead_letter_topic: String,
    group: String,
}

impl DeadLetters {
    pub(super) fn connect(kafka: &KafkaConfig) -> Result<Self, IngestError> {
        let client = context::client_config(&DEFAULTS, kafka);
        Ok(Self {
            producer: client
                .create_with_context(DeadLetterContext)
                .map_err(IngestError::Client)?,
            source_topic: kafka.topic.clone(),
            dead_letter_topic: kafka.dead_letter_topic.clone(),
            group: kafka.group.clone(),
        })
    }

    /// Writes all letters and waits until the topic has acknowledged each.
    ///
    /// # Errors
    ///
    /// The first error. Letters may then be in the topic or not; writing them again is right.
    pub(super) async fn bury(&self, letters: &[DeadLetter<'_>]) -> Result<(), KafkaError> {
        let sent = letters.iter().map(|letter| self.send(letter));
        for result in join_all(sent).await {
            result?;
        }
        Ok(())
    }

    async fn send(&self, letter: &DeadLetter<'_>) -> Result<(), KafkaError> {
        let record = letter.record;
        let mut message: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(&self.dead_letter_topic).headers(self.headers(letter));
        message.key = record.key();
        message.payload = record.value();
        self.producer
            .send(message, Duration::from_secs(10))
            .await
            .map(|_| ())
            .map_err(|(error, _)| error)
    }

    fn headers(&self, letter: &DeadLetter<'_>) -> OwnedHeaders {
        let RawRecord {
            partition,
            offset,
            timestamp,
            ..
        } = letter.record;
        let (timestamp_type, millis) = match timestamp {
            Timestamp::NotAvailable => ("NoTimestampType", -1),
            Timestamp::CreateTime(millis) => ("CreateTime", *millis),
            Timestamp::LogAppendTime(millis) => ("LogAppendTime", *millis),
        };
        let exception = format!("saga.tracker.{}", letter.rejection.kind);
        let reason: String = letter.rejection.reason.chars().take(MAX_REASON_CHARS).collect();
        let origin: [(&str, &[u8]); 8] = [
            (headers::ORIGINAL_TOPIC, self.source_topic.as_bytes()),
            (headers::ORIGINAL_PARTITION, &partition.to_be_bytes()),
            (headers::ORIGINAL_OFFSET, &offset.to_be_bytes()),
            (headers::ORIGINAL_TIMESTAMP, &millis.to_be_bytes()),
            (headers::ORIGINAL_TIMESTAMP_TYPE, timestamp_type.as_bytes()),
            (headers::ORIGINAL_CONSUMER_GROUP, self.group.as_bytes()),
            (headers::EXCEPTION_FQCN, exception.as_bytes()),
            (headers::EXCEPTION_MESSAGE, reason.as_bytes()),
        ];
        let origin = origin.into_iter().map(|(key, value)| (key, Some(value)));
        letter
            .record
            .headers()
            .chain(origin)
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value })
            })
    }
}

/// Logs as the consumer does.
struct DeadLetterContext;

impl ClientContext for DeadLetterContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        context::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka client for dead letters");
    }
}
