//! Producers whose acknowledgements fill the account.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use rdkafka::{
    ClientConfig, ClientContext, Message as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
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
        let mut message: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(&self.topic, Box::new(expect)).headers(topic::owned_headers(record));
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        message.partition = partition;
        while let Err((error, unsent)) = self.producer.send(message) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                bail!("the producer does not take a record: {error}");
            }
            std::thread::sleep(Duration::from_millis(10));
            message = unsent;
        }
        Ok(())
    }

    /// Waits until the broker has answered for everything.
    pub(super) async fn flush(&self) -> Result<()> {
        let producer = Arc::clone(&self.producer);
        tokio::task::spawn_blocking(move || producer.flush(TIMEOUT))
            .await?
            .context("Kafka did not answer for everything")
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

/// Writes what the broker says into the account.
pub(super) struct Acknowledge {
    account: Arc<Account>,
}

impl ClientContext for Acknowledge {
    // Brokers that are unavailable are part of the run.
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Acknowledge {
    type DeliveryOpaque = Box<Expect>;

    fn delivery(&self, result: &DeliveryResult<'_>, expect: Box<Expect>) {
        match result {
            Ok(record) => {
                let origin = Origin {
                    partition: record.partition(),
                    offset: record.offset(),
                };
                self.account.acknowledged(origin, *expect);
            }
            Err((error, _)) => self.account.refused(error.to_string()),
        }
    }
}
