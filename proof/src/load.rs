//! Sends planned events, as services would, and keeps the accounting.
//!
//! Events are shuffled among some thousand sagas at a time, so that one of them comes long before or after its
//! neighbours; some come twice; some are followed by a bad record.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use fastrand::Rng;
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

use crate::{
    accounting::{Accounting, Origin, RawRecord},
    events::Plan,
    poison::{self, Poison},
    topic,
};

/// Among how many sagas events are shuffled.
const SHUFFLED_SAGAS: usize = 2_000;

/// How long the broker may be unavailable before the producer gives up: longer than any outage that a run plays.
const TIMEOUT: Duration = Duration::from_secs(300);

/// By how much events may be early: a thread that woke for each of them would take more of the machine than it measures.
const TICK: Duration = Duration::from_millis(5);

/// What is sent beside each event once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Disorder {
    /// How many of a hundred events come twice.
    pub(crate) repeated: f64,
    /// How many of a hundred events are followed by a bad record.
    pub(crate) poisoned: f64,
    /// Events come in the order in which they happened, as long as all services are equally fast.
    pub(crate) in_order: bool,
}

/// A load on its way.
#[derive(Debug)]
pub(crate) struct Load {
    thread: JoinHandle<Result<()>>,
    sent: Arc<AtomicUsize>,
}

/// Sends one plan.
struct Sender {
    plan: Arc<Plan>,
    disorder: Disorder,
    rate: u32,
    topic: &'static str,
    rng: Rng,
    sent: Arc<AtomicUsize>,
    producer: ThreadedProducer<Acknowledge>,
}

impl Load {
    /// Begins to send, so many events a second.
    pub(crate) fn begin(
        bootstrap_servers: &str,
        topic: &'static str,
        plan: &Arc<Plan>,
        accounting: &Arc<Accounting>,
        disorder: Disorder,
        rate: u32,
    ) -> Result<Self> {
        let sent = Arc::new(AtomicUsize::new(0));
        let mut sender = Sender {
            plan: Arc::clone(plan),
            disorder,
            rate,
            topic,
            rng: Rng::with_seed(plan.seed()),
            sent: Arc::clone(&sent),
            producer: producer(bootstrap_servers, Arc::clone(accounting))?,
        };
        let thread = std::thread::Builder::new().name("load".to_owned());
        Ok(Self {
            thread: thread.spawn(move || sender.run())?,
            sent,
        })
    }

    /// How many events were handed to the producer; a repeated one counts twice.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether everything was acknowledged, or something went wrong.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// What went wrong, if something did. Waits for the end.
    pub(crate) fn join(self) -> Result<()> {
        self.thread.join().map_err(|_| anyhow!("the load panicked"))?
    }
}

fn producer(bootstrap_servers: &str, accounting: Arc<Accounting>) -> Result<ThreadedProducer<Acknowledge>> {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", bootstrap_servers)
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "200000")
        .set("message.timeout.ms", TIMEOUT.as_millis().to_string())
        .set("reconnect.backoff.max.ms", "500");
    Ok(client.create_with_context(Acknowledge { accounting })?)
}

impl Sender {
    fn run(&mut self) -> Result<()> {
        let begun = Instant::now();
        for first in (0..self.plan.sagas()).step_by(SHUFFLED_SAGAS) {
            for (number, event) in self.shuffled(first)? {
                let sent = self.sent.load(Ordering::Relaxed);
                let due = begun + Duration::from_secs_f64(sent as f64 / f64::from(self.rate));
                let early = due.saturating_duration_since(Instant::now());
                if early >= TICK {
                    std::thread::sleep(early);
                }
                self.send_event(number, &event)?;
                if self.rng.f64() * 100.0 < self.disorder.poisoned {
                    self.send_poison(&event)?;
                }
                self.sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.producer
            .flush(TIMEOUT)
            .context("Kafka did not take everything")
    }

    /// The events of some sagas with their numbers, some of them twice.
    fn shuffled(&mut self, first: usize) -> Result<Vec<(usize, SagaEvent)>> {
        let mut events = Vec::new();
        for saga in first..self.plan.sagas().min(first + SHUFFLED_SAGAS) {
            events.extend(self.plan.numbers(saga).zip(self.plan.saga(saga)?));
        }
        for index in 0..events.len() {
            if self.rng.f64() * 100.0 < self.disorder.repeated {
                events.push(events[index].clone());
            }
        }
        if self.disorder.in_order {
            events.sort_by_key(|(_, event)| event.recorded_at);
        } else {
            self.rng.shuffle(&mut events);
        }
        Ok(events)
    }

    fn send_event(&self, number: usize, event: &SagaEvent) -> Result<()> {
        let value = avro::encode(event, SchemaVersion::V2, Framing::SingleObject)?;
        let mut record = BaseRecord::with_opaque_to(self.topic, Box::new(Sent::Event(number)))
            .key(event.saga_id.as_str().as_bytes())
            .payload(&value[..]);
        // The producer's queue is full while the broker is unavailable.
        while let Err((error, unsent)) = self.producer.send(record) {
            wait_out(&error)?;
            record = unsent;
        }
        Ok(())
    }

    /// Follows the event on its partition, so that a copy with other content comes after the original.
    fn send_poison(&mut self, event: &SagaEvent) -> Result<()> {
        let poison = Poison::pick(&mut self.rng);
        let bad = poison::spoil(poison, event, &mut self.rng)?;
        let mut record: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(self.topic, Box::new(Sent::Poison(bad.clone())))
                .headers(topic::owned_headers(&bad));
        record.key = bad.key.as_deref();
        record.payload = bad.value.as_deref();
        while let Err((error, unsent)) = self.producer.send(record) {
            wait_out(&error)?;
            record = unsent;
        }
        Ok(())
    }
}

fn wait_out(error: &KafkaError) -> Result<()> {
    if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
        bail!("the producer does not take a record: {error}");
    }
    std::thread::sleep(Duration::from_millis(10));
    Ok(())
}

/// A record on its way.
enum Sent {
    Event(usize),
    Poison(RawRecord),
}

/// Writes what the broker says into the accounting.
struct Acknowledge {
    accounting: Arc<Accounting>,
}

impl ClientContext for Acknowledge {
    // Brokers that are unavailable are part of the run.
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Acknowledge {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        match (result, *sent) {
            (Ok(_), Sent::Event(number)) => self.accounting.event(number),
            (Ok(record), Sent::Poison(bad)) => {
                let origin = Origin {
                    partition: record.partition(),
                    offset: record.offset(),
                };
                self.accounting.poison(origin, bad);
            }
            (Err(_), _) => self.accounting.refuse(),
        }
    }
}
