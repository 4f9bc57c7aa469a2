//! The contract of everything that takes steps.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use saga_types::{SagaEvent, SagaStatus, Step};

use crate::{Recording, SagaContext, Stats, StepRecord, TraceContext};

/// Takes the steps of sagas.
///
/// Services mostly do not call these methods but those of a [`Saga`](crate::Saga), which
/// [`order`](trait.SagaTrackerClient.html#method.order) begins and [`resume`](trait.SagaTrackerClient.html#method.resume)
/// goes on with. These are for tests, for wrappers and for other clients.
///
/// # Contract
///
/// * **Blocking:** no method blocks the calling thread. The record methods do their work before they return; what
///   may be awaited afterwards is only the acknowledgement.
/// * **Concurrency:** every method may be called from many tasks and threads at once.
/// * **Order:** the events that one task records for one saga arrive in that order.
/// * **Retries:** the client retries, with the same event id, until its delivery timeout. A caller retries only after
///   [`RecordError::NotSent`](crate::RecordError::NotSent) or
///   [`RecordError::Unconfirmed`](crate::RecordError::Unconfirmed), by handing the error's event to
///   [`record_event`](Self::record_event).
/// * **Refusal:** bad input is an error from the call that made it. A disabled client checks nothing.
/// * **After close:** asynchronous clients drop and count what is recorded, synchronous ones return an error.
///
/// ```
/// use saga_sdk::{SagaConfig, SagaContext, SagaType, steps};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let tracker = saga_sdk::connect(&SagaConfig::default())?; // disabled: takes everything, does nothing
/// let saga = SagaContext {
///     saga_type: SagaType::ORDER_CREATION,
///     saga_id: "saga-1".parse()?,
///     order_id: "order-1".parse()?,
/// };
/// tracker.record_start(&saga, steps::ORDER_CREATED).await?;
/// tracker.record_failure(&saga, steps::ORDER_CANCELLED, "the customer changed her mind").await?;
/// assert_eq!(tracker.stats().recorded, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SagaTrackerClient: Send + Sync {
    /// Whether records go anywhere. Stays the same for the life of the client.
    fn is_enabled(&self) -> bool;

    /// Records a step: stamps it with an id, the time, the service and the trace, and sends it.
    fn record_step(&self, record: StepRecord) -> Recording;

    /// Sends an event that was built before, as it is: to repeat one that was not acknowledged, or to relay one.
    fn record_event(&self, event: SagaEvent) -> Recording;

    /// Sends an event that was built before, as [`record_event`](Self::record_event) does, and names the trace that it was
    /// recorded in, which the event itself does not hold as a whole. A relay sends an event until it is acknowledged, so
    /// one that is not leaves no gap in the numbers of the others.
    fn relay_event(&self, event: SagaEvent, _trace: Option<TraceContext>) -> Recording {
        self.record_event(event)
    }

    /// Records that a saga has begun, or that a service has begun its part.
    fn record_start(&self, saga: &SagaContext, step: Step) -> Recording {
        record(self, saga, step, SagaStatus::Started)
    }

    /// Records that a step is under way.
    fn record_progress(&self, saga: &SagaContext, step: Step) -> Recording {
        record(self, saga, step, SagaStatus::InProgress)
    }

    /// Records that a step is done.
    fn record_complete(&self, saga: &SagaContext, step: Step) -> Recording {
        record(self, saga, step, SagaStatus::Completed)
    }

    /// Records that a step failed, and why. The reason is kept as [`StepRecord::failure`] says.
    fn record_failure(&self, saga: &SagaContext, step: Step, reason: &str) -> Recording {
        if !self.is_enabled() {
            return Recording::done();
        }
        match StepRecord::failure(saga.clone(), step, reason) {
            Ok(record) => self.record_step(record),
            Err(error) => Recording::failed(error),
        }
    }

    /// Records that a step undid another one.
    fn record_compensation(&self, saga: &SagaContext, step: Step) -> Recording {
        record(self, saga, step, SagaStatus::Compensated)
    }

    /// The accounts: recorded, acknowledged, pending, dropped.
    fn stats(&self) -> Stats;

    /// Waits until what was recorded so far is delivered or dropped, at most for the timeout. The client stays open.
    async fn flush(&self, timeout: Duration) -> FlushReport;

    /// Refuses further records, flushes, and drops and counts what is left after the timeout.
    ///
    /// Closing again changes nothing.
    async fn close(&self, timeout: Duration) -> FlushReport;
}

fn record<C: SagaTrackerClient + ?Sized>(
    client: &C,
    saga: &SagaContext,
    step: Step,
    status: SagaStatus,
) -> Recording {
    if client.is_enabled() {
        client.record_step(StepRecord::new(saga.clone(), step, status))
    } else {
        Recording::done()
    }
}

/// What a flush or a close came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use = "events may be left"]
#[non_exhaustive]
pub struct FlushReport {
    /// How many events were still not delivered when the time was up.
    pub left: u64,
}

impl FlushReport {
    /// A report of so many events left.
    pub const fn new(left: u64) -> Self {
        Self { left }
    }

    /// Whether nothing was left.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.left == 0
    }
}

macro_rules! forward {
    ($(impl<$($lifetime:lifetime,)? $inner:ident> for $outer:ty;)+) => {$(
        #[async_trait]
        impl<$($lifetime,)? $inner: SagaTrackerClient + ?Sized> SagaTrackerClient for $outer {
            fn is_enabled(&self) -> bool {
                (**self).is_enabled()
            }
            fn record_step(&self, record: StepRecord) -> Recording {
                (**self).record_step(record)
            }
            fn record_event(&self, event: SagaEvent) -> Recording {
                (**self).record_event(event)
            }
            fn relay_event(&self, event: SagaEvent, trace: Option<TraceContext>) -> Recording {
                (**self).relay_event(event, trace)
            }
            fn record_start(&self, saga: &SagaContext, step: Step) -> Recording {
                (**self).record_start(saga, step)
            }
            fn record_progress(&self, saga: &SagaContext, step: Step) -> Recording {
                (**self).record_progress(saga, step)
            }
            fn record_complete(&self, saga: &SagaContext, step: Step) -> Recording {
                (**self).record_complete(saga, step)
            }
            fn record_failure(&self, saga: &SagaContext, step: Step, reason: &str) -> Recording {
                (**self).record_failure(saga, step, reason)
            }
            fn record_compensation(&self, saga: &SagaContext, step: Step) -> Recording {
                (**self).record_compensation(saga, step)
            }
            fn stats(&self) -> Stats {
                (**self).stats()
            }
            async fn flush(&self, timeout: Duration) -> FlushReport {
                (**self).flush(timeout).await
            }
            async fn close(&self, timeout: Duration) -> FlushReport {
                (**self).close(timeout).await
            }
        }
    )+};
}

forward! {
    impl<'a, T> for &'a T;
    impl<T> for Box<T>;
    impl<T> for Arc<T>;
}
