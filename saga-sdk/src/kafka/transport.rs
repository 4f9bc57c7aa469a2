//! Routes encoded events to librdkafka, or to the pending buffer.
//!
//! A record call holds the route's read lock while it sends. So once the supervisor has changed the state,
//! no event goes by the old one.

use std::{
    fmt::Display,
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, Producer as _, PurgeConfig},
    util::Timeout,
};
use saga_types::{
    SagaEvent, Timestamp,
    avro::{self, EncodeError, Framing, SchemaVersion},
};

use super::{
    accounting::Accounting,
    context::{Context, Shared, TopicState, loss},
    mode::{Loss, Mode},
    pending_buffer::{PendingBuffer, PendingRecord},
    polled_producer::PolledProducer,
    settings,
    target::Target,
};
use crate::{ConnectError, DropReason, PublishMode, SagaConfig, schema_registry::SchemaRegistry};

/// How long the delivery reports of purged events may take; they are in memory.
const PURGE: Duration = Duration::from_millis(500);

/// How often a flush checks whether its deadline has changed.
const FLUSH_STEP: Duration = Duration::from_millis(50);

/// How many pending records are enqueued at once.
const CHUNK: usize = 100;

/// The bytes before the schema's id in Confluent's wire format.
const MAGIC_BYTES: usize = 1;

pub(super) type Kafka<M> = PolledProducer<Context<M>>;

/// What librdkafka did not take, and why.
type Returned<'a, M> = (KafkaError, Box<PendingRecord<'a, <M as Mode>::Completion>>);

/// Where events go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RouteState {
    /// To librdkafka.
    Open,
    /// To the pending buffer.
    Buffering,
    /// Nowhere: the client was closed.
    Closed,
}

struct Route<M: Mode> {
    /// None once the client has ended.
    kafka: Option<Arc<Kafka<M>>>,
    state: RouteState,
}

/// Where an event went.
pub(super) enum Routed {
    Sent,
    Buffered,
}

/// The route to the topic, for as long as the client lives.
pub(super) struct Transport<M: Mode> {
    route: RwLock<Route<M>>,
    pub(super) shared: Arc<Shared<M>>,
    settings: ClientConfig,
    pub(super) target: Target,
    pub(super) registry: Option<SchemaRegistry>,
    schema_id: OnceLock<u32>,
}

impl<M: Mode> Transport<M> {
    pub(super) fn new(config: &SagaConfig) -> Result<Self, ConnectError> {
        let settings = settings::client_config(config)?;
        let registry = SchemaRegistry::from_config(config)?;
        let max_age = match config.mode {
            PublishMode::Asynchronous => config.delivery_timeout,
            PublishMode::Synchronous => config.sync_timeout,
        };
        let shared = Arc::new(Shared {
            accounting: Accounting::default(),
            pending: PendingBuffer::new(config, max_age),
            tokens: config.tokens.clone(),
            wake: tokio::sync::Notify::new(),
            topic: TopicState::default(),
        });
        let kafka = settings
            .create_with_context(Context::new(Arc::clone(&shared)))
            .map_err(|error| settings::refused(&error))?;
        let state = match registry {
            Some(_) => RouteState::Buffering,
            None => RouteState::Open,
        };
        Ok(Self {
            route: RwLock::new(Route {
                kafka: Some(Arc::new(kafka)),
                state,
            }),
            shared,
            settings,
            target: Target::new(config),
            registry,
            schema_id: OnceLock::new(),
        })
    }

    /// With a registry, the schema's id is filled in when the record is enqueued.
    pub(super) fn encode(&self, event: &SagaEvent) -> Result<Vec<u8>, EncodeError> {
        let framing = match self.registry {
            Some(_) => Framing::Confluent { schema_id: 0 },
            None => Framing::SingleObject,
        };
        avro::encode(event, SchemaVersion::V2, framing)
    }

    /// Enqueues or buffers a record. After an error its completion is not settled.
    pub(super) fn send(&self, record: PendingRecord<'_, M::Completion>) -> Result<Routed, (Loss, String)> {
        let route = self.route();
        let record = match (route.state, &route.kafka) {
            (RouteState::Open, Some(kafka)) => match self.enqueue(kafka, record, Duration::ZERO) {
                Ok(()) => return Ok(Routed::Sent),
                Err((error, record)) if self.shared.topic.is_lost_by(&error) => {
                    self.shared.topic.set_lost(true);
                    self.shared.wake.notify_one();
                    *record
                }
                Err((error, _)) if !is_fatal(&error) => return Err((loss(&error), error.to_string())),
                Err((_, record)) => {
                    kafka.context().mark_dead();
                    *record
                }
            },
            (RouteState::Buffering, _) => record,
            _ => {
                return Err((definitely(DropReason::Closed), "the client is closed".to_owned()));
            }
        };
        match self.shared.pending.push(record, Duration::ZERO) {
            Ok(()) => Ok(Routed::Buffered),
            Err((reason, _)) => Err((definitely(reason), self.buffering_reason().to_owned())),
        }
    }

    fn enqueue<'a>(
        &self,
        kafka: &Kafka<M>,
        record: PendingRecord<'a, M::Completion>,
        age: Duration,
    ) -> Result<(), Returned<'a, M>> {
        let PendingRecord {
            sequence,
            key,
            mut value,
            headers,
            completion,
        } = record;
        if let Some(id) = self.schema_id.get() {
            value[MAGIC_BYTES..][..size_of::<u32>()].copy_from_slice(&id.to_be_bytes());
        }
        let mut record = BaseRecord::with_opaque_to(&self.target.topic, completion)
            .key(&*key)
            .payload(&value)
            .headers(headers);
        if !age.is_zero() {
            // By this its age is known when it comes back.
            let age = i64::try_from(age.as_millis()).unwrap_or_default();
            record.timestamp = Some(Timestamp::now().as_millis() - age);
        }
        let (error, completion, headers) = match kafka.send(record) {
            Ok(()) => return Ok(()),
            Err((error, record)) => (error, record.delivery_opaque, record.headers.unwrap_or_default()),
        };
        let record = PendingRecord {
            sequence,
            key,
            value,
            headers,
            completion,
        };
        Err((error, Box::new(record)))
    }
}

/// What the supervisor asks and changes.
impl<M: Mode> Transport<M> {
    pub(super) fn needs_schema(&self) -> bool {
        self.registry.is_some() && self.schema_id.get().is_none()
    }

    pub(super) fn set_schema(&self, id: u32) {
        let _ = self.schema_id.set(id);
    }

    /// From now on records are buffered.
    pub(super) fn start_buffering(&self) {
        let mut route = self.route.write().unwrap_or_else(PoisonError::into_inner);
        if route.state == RouteState::Open {
            route.state = RouteState::Buffering;
        }
    }

    pub(super) fn replace_producer(&self) -> Result<(), KafkaError> {
        let context = Context::new(Arc::clone(&self.shared));
        let kafka = Some(Arc::new(self.settings.create_with_context(context)?));
        let mut route = self.route.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut route.kafka, kafka);
        // Its drop blocks, and must not do so while record calls wait for the lock.
        drop(route);
        drop(old);
        Ok(())
    }

    /// Enqueues the first pending records; `false` when the producer failed permanently.
    pub(super) fn enqueue_chunk(&self) -> bool {
        let Some(kafka) = self.kafka() else { return false };
        let mut is_alive = true;
        for (age, record) in self.shared.pending.pop(CHUNK) {
            match self.enqueue(&kafka, record, age) {
                Ok(()) => {}
                Err((error, record)) if is_fatal(&error) || self.shared.topic.is_lost_by(&error) => {
                    match is_fatal(&error) {
                        true => is_alive = false,
                        false => self.shared.topic.set_lost(true),
                    }
                    if let Err((reason, record)) = self.shared.pending.push(*record, age) {
                        self.shared
                            .drop_record(record.completion, definitely(reason), &error);
                    }
                }
                Err((error, record)) => self.shared.drop_record(record.completion, loss(&error), &error),
            }
        }
        if !is_alive {
            kafka.context().mark_dead();
        }
        is_alive
    }

    /// From now on records go to librdkafka, unless some are pending.
    pub(super) fn open_if_drained(&self) -> bool {
        let mut route = self.route.write().unwrap_or_else(PoisonError::into_inner);
        let is_empty = self.shared.pending.is_empty();
        if is_empty && route.state == RouteState::Buffering {
            route.state = RouteState::Open;
        }
        is_empty
    }

    /// Drops pending records that are too old.
    pub(super) fn expire(&self) {
        let reason = match self.needs_schema() {
            true => DropReason::NoSchema,
            false => DropReason::Expired,
        };
        for record in self.shared.pending.pop_expired() {
            self.shared
                .drop_record(record.completion, definitely(reason), &self.buffering_reason());
        }
    }

    fn buffering_reason(&self) -> &'static str {
        if self.needs_schema() {
            "the schema registry has not returned the schema's id yet"
        } else if self.shared.topic.is_lost() {
            "the brokers do not know the topic any more"
        } else {
            "the Kafka producer failed and is being replaced"
        }
    }
}

/// The end.
impl<M: Mode> Transport<M> {
    /// Refuses further events.
    pub(super) fn close(&self) {
        let mut route = self.route.write().unwrap_or_else(PoisonError::into_inner);
        route.state = RouteState::Closed;
    }

    /// Blocks until nothing is pending, the deadline has passed, or the flush is cancelled. Both may change meanwhile.
    pub(super) fn flush(&self, deadline: impl Fn() -> Instant, is_cancelled: impl Fn() -> bool) {
        while let Some(kafka) = self.kafka()
            && !is_cancelled()
        {
            let left = deadline().saturating_duration_since(Instant::now());
            // The only error is the timeout, which the counters show as well.
            let _ = kafka.flush(Timeout::After(left.min(FLUSH_STEP)));
            if self.pending() == 0 || left.is_zero() {
                return;
            }
            // Records are in the pending buffer: the supervisor is restoring the route.
            thread::sleep(left.min(Duration::from_millis(5)));
        }
    }

    /// Drops everything that is left. Returns the producer, which has nothing to do any more.
    pub(super) fn purge(&self) -> Option<Arc<Kafka<M>>> {
        for record in self.shared.pending.close() {
            let loss = definitely(DropReason::Closed);
            self.shared.drop_record(
                record.completion,
                loss,
                &"the client was closed before it was sent",
            );
        }
        let mut route = self.route.write().unwrap_or_else(PoisonError::into_inner);
        let kafka = route.kafka.take();
        drop(route);
        if let Some(kafka) = &kafka {
            kafka.purge(PurgeConfig::default().queue().inflight());
            let _ = kafka.flush(Timeout::After(PURGE));
        }
        kafka
    }

    pub(super) fn pending(&self) -> u64 {
        self.shared.accounting.counters.snapshot().pending
    }

    pub(super) fn kafka(&self) -> Option<Arc<Kafka<M>>> {
        self.route().kafka.clone()
    }

    fn route(&self) -> RwLockReadGuard<'_, Route<M>> {
        self.route.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn drop_event(&self, loss: Loss, cause: &dyn Display) {
        self.shared.accounting.drop_event(loss.reason, cause);
    }
}

/// The event is not on the topic.
pub(super) const fn definitely(reason: DropReason) -> Loss {
    Loss {
        reason,
        is_possibly_persisted: false,
    }
}

fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}
