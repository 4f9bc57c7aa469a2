//! The client that writes to Kafka. Only this folder speaks rdkafka.
//!
//! The way of an event: [`StepRecord`] → event → Avro → librdkafka's buffer → broker → [`context`], which counts its end
//! and, in synchronous mode, wakes the caller.
//!
//! Rule of thumb: nothing on this way waits. A full buffer is an answer, not a reason to sleep.

mod context;
mod headers;
mod mode;
mod settings;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use async_trait::async_trait;
use rdkafka::{
    producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer},
    util::Timeout,
};
use saga_types::{
    SagaEvent,
    avro::{self, Framing, SchemaVersion},
};
use tokio::sync::oneshot;
use uuid::Uuid;

use self::{
    context::{Context, loss},
    headers::Producer,
    mode::{Asynchronous, Loss, Mode, Synchronous},
};
use crate::{
    ConnectError, DropReason, FlushReport, PublishMode, Recording, SagaConfig, SagaTrackerClient, Stats,
    StepRecord, stats::Counters, trace::TraceContext,
};

/// How long a client that was not closed may hold up the thread that drops it.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// How long purged events may take to be counted; they are in memory, so this is plenty.
const PURGE: Duration = Duration::from_millis(500);

pub(crate) fn connect(config: &SagaConfig) -> Result<Arc<dyn SagaTrackerClient>, ConnectError> {
    Ok(match config.mode {
        PublishMode::Asynchronous => Arc::new(KafkaClient::<Asynchronous>::new(config)?),
        PublishMode::Synchronous => Arc::new(KafkaClient::<Synchronous>::new(config)?),
    })
}

struct KafkaClient<M: Mode> {
    kafka: Arc<ThreadedProducer<Context<M>>>,
    counters: Arc<Counters>,
    producer: Producer,
    topic: String,
    deadline: Duration,
    is_closed: AtomicBool,
}

impl<M: Mode> KafkaClient<M> {
    fn new(config: &SagaConfig) -> Result<Self, ConnectError> {
        if config.schema_registry.url.is_some() {
            return Err(settings::invalid(
                "schemaRegistry.url",
                "is not supported by this version, leave it out",
            ));
        }
        let settings = settings::client_config(config)?;
        let counters = Arc::new(Counters::default());
        let context = Context::new(Arc::clone(&counters));
        let kafka = settings
            .create_with_context(context)
            .map_err(|error| settings::refused(&error))?;
        Ok(Self {
            kafka: Arc::new(kafka),
            counters,
            producer: Producer::new(
                config.service_name.as_deref().unwrap_or_default(),
                &Uuid::now_v7().to_string(),
            ),
            topic: config.topic.clone(),
            deadline: config.sync_timeout,
            is_closed: AtomicBool::new(false),
        })
    }

    fn send(&self, event: SagaEvent, trace: Option<&TraceContext>) -> Recording {
        // Numbered when recorded, not when accepted: an event that is dropped leaves a gap for the readers to see.
        let sequence = self.counters.begin() + 1;
        if self.is_closed.load(Ordering::Acquire) {
            return self.refuse(closed(), event, &"the client is closed");
        }
        let value = match avro::encode(&event, SchemaVersion::V2, Framing::SingleObject) {
            Ok(value) => value,
            Err(error) => return self.refuse(failed(), event, &error),
        };
        let (ticket, wait) = M::ticket();
        let record = BaseRecord::with_opaque_to(&self.topic, ticket)
            .key(event.saga_id.as_str())
            .payload(&value)
            .headers(self.producer.headers(sequence, trace));
        let sent = self.kafka.send(record).map_err(|(error, _)| error);
        match sent {
            Ok(()) => M::recording(wait, event, self.deadline),
            Err(error) => self.refuse(loss(&error), event, &error),
        }
    }

    fn refuse(&self, loss: Loss, event: SagaEvent, cause: &dyn std::fmt::Display) -> Recording {
        self.kafka.context().drop_event(loss.reason, cause);
        M::refused(loss, event)
    }

    fn report(&self) -> FlushReport {
        FlushReport::new(self.counters.snapshot().pending)
    }

    /// librdkafka's flush blocks, so it gets a thread for as long as it takes; that works under any executor.
    async fn on_a_thread(&self, work: impl FnOnce(&ThreadedProducer<Context<M>>) + Send + 'static) {
        let (done, is_done) = oneshot::channel();
        let kafka = Arc::clone(&self.kafka);
        let thread = thread::Builder::new()
            .name("saga-flush".to_owned())
            .spawn(move || {
                work(&kafka);
                let _ = done.send(());
            });
        match thread {
            Ok(_) => _ = is_done.await,
            Err(error) => tracing::warn!(%error, "no thread to flush saga events with"),
        }
    }
}

const fn closed() -> Loss {
    Loss {
        reason: DropReason::Closed,
        is_possibly_persisted: false,
    }
}

const fn failed() -> Loss {
    Loss {
        reason: DropReason::Failed,
        is_possibly_persisted: false,
    }
}

#[async_trait]
impl<M: Mode> SagaTrackerClient for KafkaClient<M> {
    fn is_enabled(&self) -> bool {
        true
    }

    fn record_step(&self, mut record: StepRecord) -> Recording {
        let trace = record.current_trace();
        match record.into_event(&self.producer.service, trace.as_ref()) {
            Ok(event) => self.send(event, trace.as_ref()),
            Err(error) => Recording::failed(error),
        }
    }

    fn record_event(&self, event: SagaEvent) -> Recording {
        // The event was built elsewhere or earlier: its own trace is the one to name, not that of whoever sends it.
        let trace = TraceContext::of_event(&event);
        self.send(event, trace.as_ref())
    }

    fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    async fn flush(&self, timeout: Duration) -> FlushReport {
        self.on_a_thread(move |kafka| flush(kafka, timeout)).await;
        self.report()
    }

    async fn close(&self, timeout: Duration) -> FlushReport {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return self.report();
        }
        let report = self.flush(timeout).await;
        if !report.is_complete() {
            tracing::warn!(
                events = report.left,
                "the saga tracker was closed before all events were delivered"
            );
            self.on_a_thread(purge).await;
        }
        report
    }
}

/// An error says no more than that the time is up, which the accounts say better.
fn flush<M: Mode>(kafka: &ThreadedProducer<Context<M>>, timeout: Duration) {
    let _ = kafka.flush(Timeout::After(timeout));
}

fn purge<M: Mode>(kafka: &ThreadedProducer<Context<M>>) {
    kafka.purge(PurgeConfig::default().queue().inflight());
    flush(kafka, PURGE);
}

impl<M: Mode> Drop for KafkaClient<M> {
    fn drop(&mut self) {
        if !*self.is_closed.get_mut() {
            let pending = self.report().left;
            tracing::warn!(
                pending,
                "the saga tracker was dropped without being closed: call close before the end"
            );
            flush(&self.kafka, LAST_FLUSH);
        }
    }
}
