//! A producer whose callers wait for the acknowledgement of each record.
//!
//! A blocking thread polls it while records wait; otherwise it is polled every few seconds, for what it logs. The thread of rdkafka's
//! own `FutureProducer` takes almost a hundredth of a processor even when there is nothing to do.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, KafkaResult},
    message::{DeliveryResult, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
    types::RDKafkaErrorCode,
};
use tokio::sync::oneshot;

use super::consumer;

/// How long one poll waits: a little more than whole milliseconds, since rdkafka spends what is left of one reading the clock.
const POLL: Duration = Duration::from_micros(20_200);

/// How long a record waits for room in the client's queue, and how often it looks.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
const QUEUE_PAUSE: Duration = Duration::from_millis(50);

/// How often log lines are taken while no record waits, and how many.
const LOG_INTERVAL: Duration = Duration::from_secs(5);
const LOG_LINES: usize = 100;

pub(super) struct AcknowledgingProducer(Arc<BaseProducer<Acknowledgements>>);

impl AcknowledgingProducer {
    /// Must be called inside a runtime.
    pub(super) fn connect(client: &ClientConfig) -> KafkaResult<Self> {
        let producer = Arc::new(client.create_with_context(Acknowledgements)?);
        tokio::spawn(drain_logs(Arc::downgrade(&producer)));
        Ok(Self(producer))
    }

    pub(super) fn fatal_error(&self) -> Option<String> {
        self.0.client().fatal_error().map(|(_, reason)| reason)
    }

    /// Handles acknowledgements until the value is dropped.
    pub(super) fn poll(&self) -> Polling {
        let is_over = Arc::new(AtomicBool::default());
        let (producer, ends) = (Arc::clone(&self.0), Arc::clone(&is_over));
        tokio::task::spawn_blocking(move || {
            while !ends.load(Ordering::Relaxed) {
                producer.poll(POLL);
            }
        });
        Polling(is_over)
    }

    /// Writes a record and waits for its acknowledgement, which needs [`poll`](Self::poll).
    pub(super) async fn send(&self, record: Record<'_>) -> Result<(), KafkaError> {
        let (answer, answered) = oneshot::channel();
        let mut message: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(record.topic, Box::new(answer)).headers(record.headers);
        message.key = record.key;
        message.payload = record.value;
        let begun = Instant::now();
        loop {
            message = match self.0.send(message) {
                Ok(()) => break,
                Err((error, message)) => {
                    let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !is_full || begun.elapsed() >= QUEUE_TIMEOUT {
                        return Err(error);
                    }
                    message
                }
            };
            tokio::time::sleep(QUEUE_PAUSE).await;
        }
        answered.await.unwrap_or(Err(KafkaError::Canceled))
    }
}

/// Log lines and errors wait in the client until it is polled.
async fn drain_logs(producer: Weak<BaseProducer<Acknowledgements>>) {
    let mut ticks = tokio::time::interval(LOG_INTERVAL);
    loop {
        ticks.tick().await;
        let Some(producer) = producer.upgrade() else {
            return;
        };
        // Each takes one event, and does not wait.
        (0..LOG_LINES).for_each(|_| producer.poll(Duration::ZERO));
    }
}

/// A record on its way.
pub(super) struct Record<'a> {
    pub(super) topic: &'a str,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: OwnedHeaders,
}

/// Polls the producer until it is dropped.
pub(super) struct Polling(Arc<AtomicBool>);

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Hands acknowledgements to those who wait, and logs as the consumer does.
struct Acknowledgements;

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<oneshot::Sender<Result<(), KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, answer: Self::DeliveryOpaque) {
        let result = result.as_ref().map(|_| ()).map_err(|(error, _)| error.clone());
        // Who gave up waiting does not ask any more.
        let _ = answer.send(result);
    }
}

impl ClientContext for Acknowledgements {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        consumer::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka client for dead letters");
    }
}
