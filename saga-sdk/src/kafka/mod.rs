//! The client that writes to Kafka. Only this folder speaks rdkafka.
//!
//! The way of an event: [`StepRecord`] → event → Avro → [`link`] → librdkafka's buffer → broker → [`context`], which counts
//! its end and, in synchronous mode, wakes the caller. While librdkafka cannot take it, it waits in the [`room`], and the
//! [`keeper`] sees to that.
//!
//! Rule of thumb: nothing on this way waits. A full buffer is an answer, not a reason to sleep.

mod context;
mod headers;
mod keeper;
mod ledger;
mod link;
mod mode;
mod room;
mod settings;

use std::{borrow::Cow, sync::Arc, thread, time::Duration};

use async_trait::async_trait;
use saga_types::SagaEvent;
use tokio::sync::oneshot;
use uuid::Uuid;

use self::{
    headers::{Producer, Way},
    keeper::Keeper,
    link::{Link, Placed, surely},
    mode::{Asynchronous, Loss, Mode, Synchronous},
    room::Parcel,
};
use crate::{
    ConnectError, DropReason, FlushReport, PublishMode, Recording, SagaConfig, SagaTrackerClient, Stats,
    StepRecord, trace::TraceContext,
};

/// How long a client that was not closed may hold up the thread that drops it.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// How much longer a caller waits for an event that waits itself: it is told at the deadline that it was not sent.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) fn connect(config: &SagaConfig) -> Result<Arc<dyn SagaTrackerClient>, ConnectError> {
    Ok(match config.mode {
        PublishMode::Asynchronous => Arc::new(KafkaClient::<Asynchronous>::new(config)?),
        PublishMode::Synchronous => Arc::new(KafkaClient::<Synchronous>::new(config)?),
    })
}

struct KafkaClient<M: Mode> {
    link: Arc<Link<M>>,
    keeper: Arc<Keeper>,
    producer: Producer,
    deadline: Duration,
}

impl<M: Mode> KafkaClient<M> {
    fn new(config: &SagaConfig) -> Result<Self, ConnectError> {
        let link = Arc::new(Link::new(config)?);
        let keeper =
            Keeper::start(Arc::clone(&link)).map_err(|error| ConnectError::Kafka(error.to_string()))?;
        Ok(Self {
            link,
            keeper: Arc::new(keeper),
            producer: Producer::new(
                config.service_name.as_deref().unwrap_or_default(),
                &Uuid::now_v7().to_string(),
            ),
            deadline: config.sync_timeout,
        })
    }

    fn send(&self, event: SagaEvent, way: Way, trace: Option<&TraceContext>) -> Recording {
        self.link.shared.ledger.counters.begin();
        // Numbered when recorded, not when accepted: an event that is dropped leaves a gap for the readers to see.
        let sequence = self.producer.number(way);
        let value = match self.link.encode(&event) {
            Ok(value) => value,
            Err(error) => return self.refuse(surely(DropReason::Failed), event, &error),
        };
        let (ticket, wait) = M::ticket();
        let placed = self.link.send(Parcel {
            sequence,
            key: Cow::Borrowed(event.saga_id.as_str().as_bytes()),
            value,
            headers: self.producer.headers(way, sequence, trace),
            ticket,
        });
        match placed {
            Ok(Placed::Sent) => M::recording(wait, event, self.deadline),
            Ok(Placed::Waiting) => M::recording(wait, event, self.deadline + GRACE),
            Err((loss, cause)) => self.refuse(loss, event, &cause),
        }
    }

    fn refuse(&self, loss: Loss, event: SagaEvent, cause: &dyn std::fmt::Display) -> Recording {
        self.link.drop_event(loss, cause);
        M::refused(loss, event)
    }

    fn report(&self) -> FlushReport {
        FlushReport::new(self.link.pending())
    }

    /// librdkafka's flush blocks, so it gets a thread for as long as it takes; that works under any executor.
    async fn on_a_thread(&self, work: impl FnOnce(&Link<M>, &Keeper) + Send + 'static) {
        let (done, is_done) = oneshot::channel();
        let (link, keeper) = (Arc::clone(&self.link), Arc::clone(&self.keeper));
        let thread = thread::Builder::new()
            .name("saga-flush".to_owned())
            .spawn(move || {
                work(&link, &keeper);
                let _ = done.send(());
            });
        match thread {
            Ok(_) => _ = is_done.await,
            Err(error) => tracing::warn!(%error, "no thread to flush saga events with"),
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
            Ok(event) => self.send(event, Way::Recorded, trace.as_ref()),
            Err(error) => Recording::failed(error),
        }
    }

    fn record_event(&self, event: SagaEvent) -> Recording {
        // The event was built earlier: its own trace is the one to name, not that of whoever sends it.
        let trace = TraceContext::of_event(&event);
        self.send(event, Way::Recorded, trace.as_ref())
    }

    fn relay_event(&self, event: SagaEvent, trace: Option<TraceContext>) -> Recording {
        let trace = trace.or_else(|| TraceContext::of_event(&event));
        self.send(event, Way::Relayed, trace.as_ref())
    }

    fn stats(&self) -> Stats {
        self.link.shared.ledger.counters.snapshot()
    }

    async fn flush(&self, timeout: Duration) -> FlushReport {
        self.on_a_thread(move |link, _| link.flush(timeout)).await;
        self.report()
    }

    async fn close(&self, timeout: Duration) -> FlushReport {
        if self.link.close() {
            return self.report();
        }
        let report = self.flush(timeout).await;
        if !report.is_complete() {
            tracing::warn!(
                events = report.left,
                "the saga tracker was closed before all events were delivered"
            );
        }
        self.on_a_thread(|link, keeper| {
            keeper.stop();
            link.purge();
        })
        .await;
        report
    }
}

impl<M: Mode> Drop for KafkaClient<M> {
    fn drop(&mut self) {
        if !self.link.close() {
            let pending = self.report().left;
            tracing::warn!(
                pending,
                "the saga tracker was dropped without being closed: call close before the end"
            );
            self.link.flush(LAST_FLUSH);
            self.keeper.stop();
            self.link.purge();
        }
    }
}
