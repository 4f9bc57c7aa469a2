//! From an encoded event to librdkafka, or to the room where events wait.
//!
//! Rule of thumb: the gate says which way an event goes, and whoever sends holds it while it does. So the keeper, who
//! moves the gate, knows that nothing slips past.

use std::{
    fmt::Display,
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer},
    util::Timeout,
};
use saga_types::{
    SagaEvent,
    avro::{self, EncodeError, Framing, SchemaVersion},
};

use super::{
    context::{Context, Shared, loss},
    ledger::Ledger,
    mode::{Loss, Mode},
    room::{Parcel, Room},
    settings,
};
use crate::{ConnectError, DropReason, PublishMode, SagaConfig, schema_registry::SchemaRegistry};

/// How long purged events may take to be counted; they are in memory, so this is plenty.
const PURGE: Duration = Duration::from_millis(500);

/// How many waiting events are handed over in one go.
const CHUNK: usize = 100;

/// What comes before the schema's id in Confluent's wire format.
const MAGIC_BYTES: usize = 1;

pub(super) type Kafka<M> = ThreadedProducer<Context<M>>;

/// What librdkafka did not take, and why.
type Returned<'a, M> = (KafkaError, Box<Parcel<'a, <M as Mode>::Ticket>>);

/// Where events go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// To librdkafka.
    Open,
    /// To the room.
    Waiting,
    /// Nowhere: the client was closed.
    Closed,
}

struct Line<M: Mode> {
    kafka: Arc<Kafka<M>>,
    gate: Gate,
}

/// Which way an event went.
pub(super) enum Placed {
    Sent,
    Waiting,
}

/// The way to the topic, for as long as the client lives.
pub(super) struct Link<M: Mode> {
    line: RwLock<Line<M>>,
    pub(super) shared: Arc<Shared<M>>,
    settings: ClientConfig,
    topic: String,
    pub(super) registry: Option<SchemaRegistry>,
    schema_id: OnceLock<u32>,
}

impl<M: Mode> Link<M> {
    pub(super) fn new(config: &SagaConfig) -> Result<Self, ConnectError> {
        let settings = settings::client_config(config)?;
        let registry = SchemaRegistry::from_config(config)?;
        let max_age = match config.mode {
            PublishMode::Asynchronous => config.delivery_timeout,
            PublishMode::Synchronous => config.sync_timeout,
        };
        let shared = Arc::new(Shared {
            ledger: Ledger::default(),
            room: Room::new(config, max_age),
            trouble: tokio::sync::Notify::new(),
        });
        let kafka = settings
            .create_with_context(Context::new(Arc::clone(&shared)))
            .map_err(|error| settings::refused(&error))?;
        let gate = match registry {
            Some(_) => Gate::Waiting,
            None => Gate::Open,
        };
        Ok(Self {
            line: RwLock::new(Line {
                kafka: Arc::new(kafka),
                gate,
            }),
            shared,
            settings,
            topic: config.topic.clone(),
            registry,
            schema_id: OnceLock::new(),
        })
    }

    /// With a registry, the schema's id is filled in when the event is handed over.
    pub(super) fn encode(&self, event: &SagaEvent) -> Result<Vec<u8>, EncodeError> {
        let framing = match self.registry {
            Some(_) => Framing::Confluent { schema_id: 0 },
            None => Framing::SingleObject,
        };
        avro::encode(event, SchemaVersion::V2, framing)
    }

    /// Sends an event on its way. When there is none, its ticket is not settled.
    pub(super) fn send(&self, parcel: Parcel<'_, M::Ticket>) -> Result<Placed, (Loss, String)> {
        let line = self.line();
        let parcel = match line.gate {
            Gate::Open => match self.hand_over(&line.kafka, parcel) {
                Ok(()) => return Ok(Placed::Sent),
                Err((error, _)) if !is_fatal(&error) => return Err((loss(&error), error.to_string())),
                Err((_, parcel)) => {
                    line.kafka.context().bury();
                    *parcel
                }
            },
            Gate::Waiting => parcel,
            Gate::Closed => return Err((surely(DropReason::Closed), "the client is closed".to_owned())),
        };
        match self.shared.room.offer(parcel, Duration::ZERO) {
            Ok(()) => Ok(Placed::Waiting),
            Err((reason, _)) => Err((surely(reason), self.why_waiting().to_owned())),
        }
    }

    fn hand_over<'a>(&self, kafka: &Kafka<M>, parcel: Parcel<'a, M::Ticket>) -> Result<(), Returned<'a, M>> {
        let Parcel {
            sequence,
            key,
            mut value,
            headers,
            ticket,
        } = parcel;
        if let Some(id) = self.schema_id.get() {
            value[MAGIC_BYTES..][..size_of::<u32>()].copy_from_slice(&id.to_be_bytes());
        }
        let record = BaseRecord::with_opaque_to(&self.topic, ticket)
            .key(&*key)
            .payload(&value)
            .headers(headers);
        let (error, ticket, headers) = match kafka.send(record) {
            Ok(()) => return Ok(()),
            Err((error, record)) => (error, record.delivery_opaque, record.headers.unwrap_or_default()),
        };
        let parcel = Parcel {
            sequence,
            key,
            value,
            headers,
            ticket,
        };
        Err((error, Box::new(parcel)))
    }

    // --- for the keeper ----------------------------------------------------------------------------

    pub(super) fn needs_schema(&self) -> bool {
        self.registry.is_some() && self.schema_id.get().is_none()
    }

    pub(super) fn set_schema(&self, id: u32) {
        let _ = self.schema_id.set(id);
    }

    /// From now on events wait. Gives the producer that was in use.
    pub(super) fn wait(&self) -> Arc<Kafka<M>> {
        let mut line = self.line.write().unwrap_or_else(PoisonError::into_inner);
        if line.gate == Gate::Open {
            line.gate = Gate::Waiting;
        }
        Arc::clone(&line.kafka)
    }

    pub(super) fn replace_producer(&self) -> Result<(), KafkaError> {
        let context = Context::new(Arc::clone(&self.shared));
        let kafka = Arc::new(self.settings.create_with_context(context)?);
        let mut line = self.line.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut line.kafka, kafka);
        // Its drop takes a while, and must not hold up those who record.
        drop(line);
        drop(old);
        Ok(())
    }

    /// Hands over the first of those that wait; whether the producer took them, or refused for a reason of theirs.
    pub(super) fn hand_over_some(&self) -> bool {
        let kafka = self.kafka();
        let mut is_alive = true;
        for (age, parcel) in self.shared.room.take(CHUNK) {
            match self.hand_over(&kafka, parcel) {
                Ok(()) => {}
                Err((error, parcel)) if is_fatal(&error) => {
                    is_alive = false;
                    if let Err((reason, parcel)) = self.shared.room.offer(*parcel, age) {
                        self.shared.lose(parcel.ticket, surely(reason), &error);
                    }
                }
                Err((error, parcel)) => self.shared.lose(parcel.ticket, loss(&error), &error),
            }
        }
        if !is_alive {
            kafka.context().bury();
        }
        is_alive
    }

    /// From now on events go to librdkafka, unless some wait.
    pub(super) fn open_if_nothing_waits(&self) -> bool {
        let mut line = self.line.write().unwrap_or_else(PoisonError::into_inner);
        let is_empty = self.shared.room.is_empty();
        if is_empty && line.gate == Gate::Waiting {
            line.gate = Gate::Open;
        }
        is_empty
    }

    /// Gives up what has waited too long.
    pub(super) fn expire(&self) {
        let reason = match self.needs_schema() {
            true => DropReason::NoSchema,
            false => DropReason::Expired,
        };
        for parcel in self.shared.room.take_expired() {
            self.shared
                .lose(parcel.ticket, surely(reason), &self.why_waiting());
        }
    }

    fn why_waiting(&self) -> &'static str {
        if self.needs_schema() {
            "the schema registry has not given the schema's id yet"
        } else {
            "the Kafka producer failed, and a new one is being made"
        }
    }

    // --- for the end -------------------------------------------------------------------------------

    /// Lets no further event in; whether it was closed before.
    pub(super) fn close(&self) -> bool {
        let mut line = self.line.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut line.gate, Gate::Closed) == Gate::Closed
    }

    /// Blocks until nothing is pending, or the time is up.
    pub(super) fn flush(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // An error says no more than that the time is up, which the accounts say better.
            let _ = self.kafka().flush(Timeout::After(left));
            if self.pending() == 0 || left.is_zero() {
                return;
            }
            // Events wait in the room: the keeper is at work.
            thread::sleep(left.min(Duration::from_millis(5)));
        }
    }

    /// Gives up everything that is left.
    pub(super) fn purge(&self) {
        for parcel in self.shared.room.close() {
            let loss = surely(DropReason::Closed);
            self.shared
                .lose(parcel.ticket, loss, &"the client was closed before it was sent");
        }
        let kafka = self.kafka();
        kafka.purge(PurgeConfig::default().queue().inflight());
        let _ = kafka.flush(Timeout::After(PURGE));
    }

    pub(super) fn pending(&self) -> u64 {
        self.shared.ledger.counters.snapshot().pending
    }

    pub(super) fn kafka(&self) -> Arc<Kafka<M>> {
        Arc::clone(&self.line().kafka)
    }

    fn line(&self) -> RwLockReadGuard<'_, Line<M>> {
        self.line.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn drop_event(&self, loss: Loss, cause: &dyn Display) {
        self.shared.ledger.drop_event(loss.reason, cause);
    }
}

/// The event is not on the topic.
pub(super) const fn surely(reason: DropReason) -> Loss {
    Loss {
        reason,
        is_possibly_persisted: false,
    }
}

fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}
