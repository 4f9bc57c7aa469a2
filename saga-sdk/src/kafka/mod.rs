//! The client that writes to Kafka. Only this folder speaks rdkafka.
//!
//! The path of an event: [`StepRecord`] → event → Avro → [`transport`] → librdkafka's queue → broker → [`context`], which
//! counts the delivery report and, in synchronous mode, wakes the caller. While librdkafka cannot take it, it is in the
//! [`pending_buffer`] until the [`supervisor`] has restored the route.
//!
//! Nothing on this path blocks. A full buffer is a result, not a reason to wait.

mod accounting;
mod check;
mod clock;
mod closing;
mod context;
mod headers;
mod mode;
mod pending_buffer;
mod polled_producer;
mod probe;
mod settings;
mod supervisor;
mod target;
mod tokens;
mod transport;

use std::{
    borrow::Cow,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use async_trait::async_trait;
use rdkafka::producer::ThreadedProducer;
use saga_types::SagaEvent;
use tokio::sync::oneshot;
use uuid::Uuid;

use self::{
    clock::Clock,
    closing::Core,
    headers::{Origin, Producer},
    mode::{Asynchronous, Loss, Mode, Synchronous},
    pending_buffer::PendingRecord,
    supervisor::Supervisor,
    target::Target,
    tokens::CheckContext,
    transport::{Routed, Transport, definitely},
};
use crate::{
    ConnectError, DropReason, FlushReport, PublishMode, Recording, SagaConfig, SagaTrackerClient, Stats,
    StepRecord,
    deadline::deadline,
    process::{self, EndsWithProcess},
    thread_locals,
    trace::TraceContext,
};

/// How long a client that was not closed may go on in the background after it was dropped.
const DROP_FLUSH: Duration = Duration::from_secs(2);

/// How much longer a caller waits for an event in the pending buffer: at the deadline it expires there as not sent.
const BUFFERED_GRACE: Duration = Duration::from_secs(1);

pub(crate) fn connect(config: &SagaConfig) -> Result<Arc<dyn SagaTrackerClient>, ConnectError> {
    Ok(match config.mode {
        PublishMode::Asynchronous => Arc::new(KafkaClient::<Asynchronous>::new(config)?),
        PublishMode::Synchronous => Arc::new(KafkaClient::<Synchronous>::new(config)?),
    })
}

/// What keeps events from being published with this configuration. Blocks, up to ten seconds.
pub(crate) fn check(config: &SagaConfig) -> Result<Option<String>, ConnectError> {
    let mut settings = settings::client_config(config)?;
    check::report_producer_id(&mut settings);
    crate::schema_registry::SchemaRegistry::from_config(config)?;
    let context = CheckContext::new(config.tokens.clone());
    let client: ThreadedProducer<CheckContext> = settings
        .create_with_context(context)
        .map_err(|error| settings::refused(&error))?;
    let target = Target::new(config);
    Ok(check::now(&client, &target).map(|problem| problem.to_string()))
}

struct KafkaClient<M: Mode> {
    core: Arc<Core<M>>,
    clock: Arc<Clock>,
    producer: Producer,
    service_version: Option<String>,
    deadline: Duration,
    /// In a forked child: whether the parent's pending events are taken out of the accounts.
    is_fork_handled: AtomicBool,
}

impl<M: Mode> KafkaClient<M> {
    fn new(config: &SagaConfig) -> Result<Self, ConnectError> {
        let cannot_start = |error: std::io::Error| ConnectError::Kafka(error.to_string());
        let transport = Arc::new(Transport::new(config)?);
        let clock = Arc::new(Clock::new().map_err(cannot_start)?);
        let supervisor =
            Supervisor::start(Arc::clone(&transport), Arc::clone(&clock)).map_err(cannot_start)?;
        let core = Arc::new(Core::new(transport, supervisor));
        let at_exit: Weak<dyn EndsWithProcess> = Arc::<Core<M>>::downgrade(&core);
        process::close_at_exit(at_exit);
        Ok(Self {
            core,
            clock,
            producer: Producer::new(
                config.service_name.as_deref().unwrap_or_default(),
                &Uuid::now_v7().to_string(),
            ),
            service_version: config.resolved_service_version(),
            deadline: config.sync_timeout,
            is_fork_handled: AtomicBool::new(false),
        })
    }

    fn send(&self, event: SagaEvent, origin: Origin, trace: Option<&TraceContext>) -> Recording {
        let is_forked = self.is_forked();
        let transport = &self.core.transport;
        transport.shared.accounting.counters.begin();
        if is_forked {
            let cause = "the process was forked after connect: connect again in the child";
            return self.refuse(definitely(DropReason::Closed), event, &cause);
        }
        // Numbered when recorded, not when accepted: a dropped event leaves a gap, by which readers detect the loss.
        let sequence = self.producer.number(origin);
        let value = match transport.encode(&event) {
            Ok(value) => value,
            Err(error) => return self.refuse(definitely(DropReason::Failed), event, &error),
        };
        let service = event
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.producer_service());
        let headers = self.producer.headers(origin, sequence, (service, trace));
        let (completion, wait) = M::completion();
        let routed = transport.send(PendingRecord {
            sequence,
            key: Cow::Borrowed(event.saga_id.as_str().as_bytes()),
            value,
            headers,
            completion,
        });
        match routed {
            Ok(Routed::Sent) => M::recording(wait, event, self.deadline, &self.clock),
            Ok(Routed::Buffered) => M::recording(wait, event, self.deadline + BUFFERED_GRACE, &self.clock),
            Err((loss, cause)) => self.refuse(loss, event, &cause),
        }
    }

    fn refuse(&self, loss: Loss, event: SagaEvent, cause: &dyn std::fmt::Display) -> Recording {
        self.core.transport.drop_event(loss, cause);
        M::refused(loss, event)
    }

    /// In a forked child the client's threads are missing: what the parent has pending is the parent's to deliver.
    fn is_forked(&self) -> bool {
        let is_forked = self.core.process.is_forked();
        if is_forked && !self.is_fork_handled.swap(true, Ordering::Relaxed) {
            let counters = &self.core.transport.shared.accounting.counters;
            counters.drop_pending_for(DropReason::Closed);
        }
        is_forked
    }

    fn report(&self) -> FlushReport {
        FlushReport::new(self.core.transport.pending())
    }

    /// librdkafka's flush blocks, so it runs on a thread of its own, which works under any executor.
    async fn flush_on_thread(&self, timeout: Duration) {
        let (done, is_done) = oneshot::channel::<()>();
        let transport = Arc::clone(&self.core.transport);
        let deadline = deadline(timeout);
        let thread = thread::Builder::new()
            .name("saga-flush".to_owned())
            .spawn(move || {
                transport.flush(|| deadline, || done.is_closed());
                let _ = done.send(());
            });
        match thread {
            Ok(_) => _ = is_done.await,
            Err(error) => tracing::warn!(%error, "cannot spawn the thread that flushes saga events"),
        }
    }
}

#[async_trait]
impl<M: Mode> SagaTrackerClient for KafkaClient<M> {
    fn is_enabled(&self) -> bool {
        true
    }

    fn record_step(&self, mut record: StepRecord) -> Recording {
        let trace = record.current_trace();
        let versioned = record.set_service_version(self.service_version.as_deref());
        match versioned.and_then(|()| record.into_event(&self.producer.service, trace.as_ref())) {
            Ok(event) => self.send(event, Origin::Recorded, trace.as_ref()),
            Err(error) => Recording::failed(error),
        }
    }

    fn record_event(&self, event: SagaEvent) -> Recording {
        // The event was built earlier: its own trace is the one to name, not the current one.
        let trace = TraceContext::of_event(&event);
        self.send(event, Origin::Recorded, trace.as_ref())
    }

    fn relay_event(&self, event: SagaEvent, trace: Option<TraceContext>) -> Recording {
        let trace = trace.or_else(|| TraceContext::of_event(&event));
        self.send(event, Origin::Relayed, trace.as_ref())
    }

    fn stats(&self) -> Stats {
        self.is_forked();
        self.core.transport.shared.accounting.counters.snapshot()
    }

    async fn flush(&self, timeout: Duration) -> FlushReport {
        if !self.is_forked() {
            self.flush_on_thread(timeout).await;
        }
        self.report()
    }

    async fn close(&self, timeout: Duration) -> FlushReport {
        if self.is_forked() || self.core.is_closed() {
            return self.report();
        }
        self.core.begin_close(timeout);
        FlushReport::new(self.core.left().await)
    }
}

impl<M: Mode> Drop for KafkaClient<M> {
    fn drop(&mut self) {
        if self.core.process.is_forked() {
            // Its destruction would wait for threads that are not there.
            std::mem::forget((Arc::clone(&self.core), Arc::clone(&self.clock)));
            return;
        }
        if !self.core.is_closing() {
            let pending = self.report().left;
            thread_locals::read(|| {
                tracing::warn!(
                    pending,
                    "saga tracker dropped without being closed: call close before the end"
                );
            });
        }
        self.core.begin_close(DROP_FLUSH);
    }
}
