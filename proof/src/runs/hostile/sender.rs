//! Producers whose acknowledgements fill the account.
//!
//! What a producer returns because it does not know the topic or the partition, which are made a moment before, was never sent: it is
//! sent again, as an application would.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, DeliveryResult, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer},
};
use saga_types::{
    SagaEvent,
    avro::{self, Framing, SchemaVersion},
};

use super::account::{Account, Expect};
use crate::{
    accounting::{Origin, RawRecord},
    topic,
};

/// How long the broker may be unavailable before a producer gives up: longer than any outage that the run plays.
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

/// How long a flush waits between two attempts.
const AGAIN: Duration = Duration::from_millis(200);

/// Sends to one topic.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) producer: Arc<ThreadedProducer<Acknowledge>>,
    topic: String,
}

impl Sender {
    /// With further properties of librdkafka.
    pub(super) fn connect(
        bootstrap_servers: &str,
        topic: &str,
        account: &Arc<Account>,
        properties: &[(&str, &str)],
    ) -> Result<Self> {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", bootstrap_servers)
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("message.timeout.ms", TIMEOUT.as_millis().to_string())
            .set("reconnect.backoff.max.ms", "500")
            .set("topic.metadata.refresh.interval.ms", "2000")
            // What a broker takes is the broker's to say.
            .set("message.max.bytes", "20000000");
        for (name, value) in properties {
            client.set(*name, *value);
        }
        let context = Acknowledge {
            account: Arc::clone(account),
            returned: Mutex::default(),
        };
        Ok(Self {
            producer: Arc::new(client.create_with_context(context)?),
            topic: topic.to_owned(),
        })
    }

    /// An event that must be stored.
    pub(super) fn event(&self, event: &SagaEvent) -> Result<()> {
        self.record(&record_of(event)?, None, Expect::stored(event))
    }

    /// A record that must become a dead letter.
    pub(super) fn bad(&self, record: &RawRecord) -> Result<()> {
        self.record(record, None, Expect::DeadLetter(record.clone()))
    }

    pub(super) fn record(&self, record: &RawRecord, partition: Option<i32>, expect: Expect) -> Result<()> {
        self.send_returned()?;
        self.send(Unsent {
            key: record.key.clone(),
            value: record.value.clone(),
            headers: topic::owned_headers(record),
            sent: Box::new(Sent {
                expect,
                partition,
                since: Instant::now(),
            }),
        })
    }

    fn send(&self, unsent: Unsent) -> Result<()> {
        let Unsent {
            key,
            value,
            headers,
            sent,
        } = unsent;
        let partition = sent.partition;
        let mut message: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(&self.topic, sent).headers(headers);
        message.key = key.as_deref();
        message.payload = value.as_deref();
        message.partition = partition;
        while let Err((error, back)) = self.producer.send(message) {
            if is_unknown(&error) {
                let (headers, sent) = (back.headers.unwrap_or_default(), back.delivery_opaque);
                let unsent = Unsent {
                    key,
                    value,
                    headers,
                    sent,
                };
                self.producer.client().context().returned(unsent, &error);
                return Ok(());
            }
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                bail!("the producer does not take a record: {error}");
            }
            std::thread::sleep(Duration::from_millis(10));
            message = back;
        }
        Ok(())
    }

    /// Sends again what was returned; how many records.
    fn send_returned(&self) -> Result<usize> {
        let returned = mem::take(&mut *self.producer.client().context().lock_returned());
        let count = returned.len();
        returned.into_iter().try_for_each(|unsent| self.send(unsent))?;
        Ok(count)
    }

    /// Waits until the broker has answered for everything.
    pub(super) async fn flush(&self) -> Result<()> {
        loop {
            let producer = Arc::clone(&self.producer);
            tokio::task::spawn_blocking(move || producer.flush(TIMEOUT))
                .await?
                .context("Kafka did not answer for everything")?;
            if self.send_returned()? == 0 {
                return Ok(());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// As the SDK writes it, without headers.
pub(super) fn record_of(event: &SagaEvent) -> Result<RawRecord> {
    Ok(RawRecord {
        key: Some(event.saga_id.as_str().as_bytes().to_vec()),
        value: Some(avro::encode(event, SchemaVersion::V2, Framing::SingleObject)?),
        headers: Vec::new(),
    })
}

/// A record on its way.
pub(super) struct Sent {
    expect: Expect,
    /// That it must be on, if any.
    partition: Option<i32>,
    since: Instant,
}

/// A record that was not sent.
struct Unsent {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: OwnedHeaders,
    sent: Box<Sent>,
}

impl Unsent {
    fn of(message: &BorrowedMessage<'_>, sent: Box<Sent>) -> Self {
        Self {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message
                .headers()
                .map(|headers| headers.detach())
                .unwrap_or_default(),
            sent,
        }
    }
}

/// Whether the producer does not know the topic or the partition, and so has not sent the record.
fn is_unknown(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    )
}

/// Writes what the broker says into the account.
pub(super) struct Acknowledge {
    account: Arc<Account>,
    returned: Mutex<Vec<Unsent>>,
}

impl Acknowledge {
    fn lock_returned(&self) -> MutexGuard<'_, Vec<Unsent>> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is sent again, for as long as others may take.
    fn returned(&self, unsent: Unsent, error: &KafkaError) {
        match unsent.sent.since.elapsed() < TIMEOUT {
            true => self.lock_returned().push(unsent),
            false => self.account.refused(error.to_string()),
        }
    }
}

impl ClientContext for Acknowledge {
    // Brokers that are unavailable are part of the run.
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Acknowledge {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        match result {
            Ok(record) => {
                let origin = Origin {
                    partition: record.partition(),
                    offset: record.offset(),
                };
                self.account.acknowledged(origin, sent.expect);
            }
            Err((error, message)) if is_unknown(error) => self.returned(Unsent::of(message, sent), error),
            Err((error, _)) => self.account.refused(error.to_string()),
        }
    }
}
