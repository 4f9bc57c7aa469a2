//! The client that writes to Kafka. Only this folder speaks rdkafka.
//!
//! The path of an event: [`StepRecord`] → event → Avro → [`transport`] → librdkafka's queue → broker → [`context`], which
//! counts the delivery report and, in synchronous mode, wakes the caller. While librdkafka cannot take it, it is in the
//! [`pending_buffer`] until the [`supervisor`] has restored the route.
//!
//! Rule of thumb: nothing on this path blocks. A full buffer is a result, not a reason to wait.

mod accounting;
mod context;
mod headers;
mod mode;
mod pending_buffer;
mod settings;
mod supervisor;
mod transport;

use std::{borrow::Cow, sync::Arc, thread, time::Duration};

use async_trait::async_trait;
use saga_types::SagaEvent;
use tokio::sync::oneshot;
use uuid::Uuid;

use self::{
    headers::{Origin, Producer},
    mode::{Asynchronous, Loss, Mode, Synchronous},
    pending_buffer::PendingRecord,
    supervisor::Supervisor,
    transport::{Routed, Transport, definitely},
};
use crate::{
    ConnectError, DropReason, FlushReport, PublishMode, Recording, SagaConfig, SagaTrackerClient, Stats,
    StepRecord, trace::TraceContext,
};

/// How long a client that was not closed may block the thread that drops it.
const DROP_FLUSH: Duration = Duration::from_secs(2);

/// How much longer a caller waits for an event in the pending buffer: at the deadline it expires there as not sent.
const BUFFERED_GRACE: Duration = Duration::from_secs(1);

pub(crate) fn connect(config: &SagaConfig) -> Result<Arc<dyn SagaTrackerClient>, ConnectError> {
    Ok(match config.mode {
        PublishMode::Asynchronous => Arc::new(KafkaClient::<Asynchronous>::new(config)?),
        PublishMode::Synchronous => Arc::new(KafkaClient::<Synchronous>::new(config)?),
    })
}

struct KafkaClient<M: Mode> {
    transport: Arc<Transport<M>>,
    supervisor: Arc<Supervisor>,
    producer: Producer,
    deadline: Duration,
}

impl<M: Mode> KafkaClient<M> {
    fn new(config: &SagaConfig) -> Result<Self, ConnectError> {
        let transport = Arc::new(Transport::new(config)?);
        let supervisor = Supervisor::start(Arc::clone(&transport))
            .map_err(|error| ConnectError::Kafka(error.to_string()))?;
        Ok(Self {
            transport,
            supervisor: Arc::new(supervisor),
            producer: Producer::new(
                config.service_name.as_deref().unwrap_or_default(),
                &Uuid::now_v7().to_string(),
            ),
            deadline: config.sync_timeout,
        })
    }

    fn send(&self, event: SagaEvent, origin: Origin, trace: Option<&TraceContext>) -> Recording {
        self.transport.shared.accounting.counters.begin();
        // Numbered when recorded, not when accepted: a dropped event leaves a gap, by which readers detect the loss.
        let sequence = self.producer.number(origin);
        let value = match self.transport.encode(&event) {
            Ok(value) => value,
            Err(error) => return self.refuse(definitely(DropReason::Failed), event, &error),
        };
        let (completion, wait) = M::completion();
        let routed = self.transport.send(PendingRecord {
            sequence,
            key: Cow::Borrowed(event.saga_id.as_str().as_bytes()),
            value,
            headers: self.producer.headers(origin, sequence, trace),
            completion,
        });
        match routed {
            Ok(Routed::Sent) => M::recording(wait, event, self.deadline),
            Ok(Routed::Buffered) => M::recording(wait, event, self.deadline + BUFFERED_GRACE),
            Err((loss, cause)) => self.refuse(loss, event, &cause),
        }
    }

    fn refuse(&self, loss: Loss, event: SagaEvent, cause: &dyn std::fmt::Display) -> Recording {
        self.transport.drop_event(loss, cause);
        M::refused(loss, event)
    }

    fn report(&self) -> FlushReport {
        FlushReport::new(self.transport.pending())
    }

    /// librdkafka's flush blocks, so it runs on a thread of its own, which works under any executor.
    async fn on_a_thread(&self, work: impl FnOnce(&Transport<M>, &Supervisor) + Send + 'static) {
        let (done, is_done) = oneshot::channel();
        let (transport, supervisor) = (Arc::clone(&self.transport), Arc::clone(&self.supervisor));
        let thread = thread::Builder::new()
            .name("saga-flush".to_owned())
            .spawn(move || {
                work(&transport, &supervisor);
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
        match record.into_event(&self.producer.service, trace.as_ref()) {
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
        self.transport.shared.accounting.counters.snapshot()
    }

    async fn flush(&self, timeout: Duration) -> FlushReport {
        self.on_a_thread(move |transport, _| transport.flush(timeout))
            .await;
        self.report()
    }

    async fn close(&self, timeout: Duration) -> FlushReport {
        if self.transport.close() {
            return self.report();
        }
        let report = self.flush(timeout).await;
        if !report.is_complete() {
            tracing::warn!(
                events = report.left,
                "saga tracker closed before all events were delivered"
            );
        }
        self.on_a_thread(|transport, supervisor| {
            supervisor.stop();
            transport.purge();
        })
        .await;
        report
    }
}

impl<M: Mode> Drop for KafkaClient<M> {
    fn drop(&mut self) {
        if !self.transport.close() {
            let pending = self.report().left;
            tracing::warn!(
                pending,
                "saga tracker dropped without being closed: call close before the end"
            );
            self.transport.flush(DROP_FLUSH);
            self.supervisor.stop();
            self.transport.purge();
        }
    }
}
