//! The way into the dead letter topic: the record byte for byte, with headers that say where it came from and why.
//!
//! Rule of thumb: dead letters wait for nothing but their topic. Those that it has taken are not written again with those that
//! it has not, and a producer that failed permanently is replaced. What the topic refuses for what it is, is written again with less
//! of it, and never without its origin.

use futures_util::future::join_all;
use rdkafka::{
    ClientConfig, Timestamp,
    error::KafkaError,
    message::{Header, OwnedHeaders},
    types::RDKafkaErrorCode,
};
use saga_types::topic::dead_letter_headers as headers;

use super::{
    ConsumerError,
    acknowledging_producer::{AcknowledgingProducer, Record},
    config::KafkaConfig,
    dead_letter_form::{self, Form},
    permission,
    record::RawRecord,
};

/// Settings that configuration may override.
const DEFAULTS: [(&str, &str); 6] = [
    // A record that came compressed may be larger than its topic would take it otherwise.
    ("compression.type", "lz4"),
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("linger.ms", "5"),
    // The dead letter is larger than the record it holds; how large it may be is for its topic to say.
    ("message.max.bytes", "1000000000"),
    // The caller decides how often to retry.
    ("message.timeout.ms", "10000"),
];

/// A record that cannot be stored, and why.
#[derive(Clone, Copy)]
pub(crate) struct DeadLetter<'a> {
    pub(crate) record: &'a RawRecord,
    /// The kind of error, such as `INVALID_NAME`.
    pub(crate) kind: &'static str,
    /// The reason in words, of a bounded length.
    pub(crate) reason: &'a str,
}

/// A dead letter that the topic did not acknowledge.
pub(crate) struct Unwritten<'a> {
    /// It may be in the topic or not; writing it again is right.
    pub(crate) letter: DeadLetter<'a>,
    pub(crate) error: KafkaError,
}

impl Unwritten<'_> {
    /// The permission that the broker refuses, if that is why.
    pub(crate) fn missing_permission(&self, topic: &str) -> Option<String> {
        permission::missing_to_write(self.error.rdkafka_error_code()?, topic)
    }

    /// Whether writing it again cannot help, unless somebody changes the topic.
    pub(crate) fn is_refused(&self) -> bool {
        let code = self.error.rdkafka_error_code();
        code.is_some_and(|code| dead_letter_form::is_about_the_letter(code) || is_about_the_topic(code))
    }
}

fn is_about_the_topic(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::UnsupportedCompressionType
    )
}

/// Writes dead letters.
pub(crate) struct DeadLetterProducer {
    producer: AcknowledgingProducer,
    client: ClientConfig,
    source_topic: String,
    dead_letter_topic: String,
    group: String,
}

impl DeadLetterProducer {
    pub(crate) fn connect(kafka: &KafkaConfig) -> Result<Self, ConsumerError> {
        let client = kafka.client_with(&DEFAULTS);
        Ok(Self {
            producer: AcknowledgingProducer::connect(&client).map_err(ConsumerError::Client)?,
            client,
            source_topic: kafka.topic.clone(),
            dead_letter_topic: kafka.dead_letter_topic.clone(),
            group: kafka.group.clone(),
        })
    }

    /// Writes dead letters and waits until the topic has acknowledged each. Gives those that it has not.
    pub(crate) async fn publish<'a>(&mut self, letters: &[DeadLetter<'a>]) -> Vec<Unwritten<'a>> {
        self.replace_failed_producer();
        let _polling = self.producer.poll();
        let results = join_all(letters.iter().map(|letter| self.send(letter, Form::Whole))).await;
        let mut unwritten = Vec::new();
        for (letter, result) in letters.iter().zip(results) {
            if let Err(error) = result
                && let Err(error) = self.send_again(letter, error).await
            {
                unwritten.push(Unwritten {
                    letter: *letter,
                    error,
                });
            }
        }
        unwritten
    }

    /// What was refused may have been refused for others of its batch, so it is first written again alone as it is.
    async fn send_again(&self, letter: &DeadLetter<'_>, mut error: KafkaError) -> Result<(), KafkaError> {
        for form in Form::ALL {
            let code = error.rdkafka_error_code();
            if !code.is_some_and(dead_letter_form::is_about_the_letter) {
                break;
            }
            match self.send(letter, form).await {
                Ok(()) => return Ok(()),
                Err(again) => error = again,
            }
        }
        Err(error)
    }

    /// A broker that lost count of a producer's records ends that producer permanently.
    fn replace_failed_producer(&mut self) {
        let Some(reason) = self.producer.fatal_error() else {
            return;
        };
        tracing::warn!(reason, "dead letter producer failed fatally, replacing it");
        match AcknowledgingProducer::connect(&self.client) {
            Ok(producer) => {
                let failed = std::mem::replace(&mut self.producer, producer);
                // Closing it blocks.
                tokio::task::spawn_blocking(move || drop(failed));
            }
            Err(error) => tracing::error!(%error, "dead letter producer cannot be made"),
        }
    }

    async fn send(&self, letter: &DeadLetter<'_>, form: Form) -> Result<(), KafkaError> {
        let parts = form.of(letter.record);
        let headers = self.headers(letter, parts.headers);
        let record = Record {
            topic: &self.dead_letter_topic,
            key: parts.key.as_deref(),
            value: parts.value,
            headers,
        };
        self.producer.send(record).await
    }

    fn headers(&self, letter: &DeadLetter<'_>, headers_so_far: OwnedHeaders) -> OwnedHeaders {
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
        let exception = format!("saga.tracker.{}", letter.kind);
        let origin: [(&str, &[u8]); 8] = [
            (headers::ORIGINAL_TOPIC, self.source_topic.as_bytes()),
            (headers::ORIGINAL_PARTITION, &partition.to_be_bytes()),
            (headers::ORIGINAL_OFFSET, &offset.to_be_bytes()),
            (headers::ORIGINAL_TIMESTAMP, &millis.to_be_bytes()),
            (headers::ORIGINAL_TIMESTAMP_TYPE, timestamp_type.as_bytes()),
            (headers::ORIGINAL_CONSUMER_GROUP, self.group.as_bytes()),
            (headers::EXCEPTION_FQCN, exception.as_bytes()),
            (headers::EXCEPTION_MESSAGE, letter.reason.as_bytes()),
        ];
        origin.into_iter().fold(headers_so_far, |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        })
    }
}
