//! The handle of one saga and the builder of one step: what a service writes.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use saga_types::{EventId, SagaId, SagaStatus, SagaType, Step, Timestamp, keys};
use serde::Serialize;

use crate::{
    FailureCause, InputError, IntoSagaId, Recording, SagaContext, SagaTrackerClient, StepName, StepRecord,
    TraceContext, context,
};

/// One saga, for recording its steps. Cheap to make; clone it into other tasks.
///
/// Made by [`OrderSagas::saga`](crate::OrderSagas::saga), or by
/// [`resume`](trait.SagaTrackerClient.html#method.resume) in the next service. With a disabled tracker it only keeps what
/// [`headers`](Self::headers) needs, so that the saga goes on in the next service; a record call on it costs nothing.
#[derive(Clone)]
pub struct Saga {
    /// None when the tracker is disabled.
    pub(crate) client: Option<Arc<dyn SagaTrackerClient>>,
    /// None when a disabled tracker could not read the headers that the saga came with.
    pub(crate) context: Option<Result<SagaContext, InputError>>,
    pub(crate) parent: Option<SagaId>,
    /// Of the call or message that the saga came with.
    pub(crate) trace: Option<TraceContext>,
}

impl Saga {
    /// Whether steps go anywhere.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.client.is_some()
    }

    /// Type and ids; `None` when an id was refused, or a disabled tracker resumed from headers without a saga.
    #[must_use]
    pub fn context(&self) -> Option<&SagaContext> {
        self.context.as_ref()?.as_ref().ok()
    }

    /// The saga that began this one, if any.
    #[must_use]
    pub fn parent(&self) -> Option<&SagaId> {
        self.parent.as_ref()
    }

    /// A handle for a saga that this one begins, about the same order. Its events name this saga as their parent.
    ///
    /// ```
    /// # use saga_sdk::{SagaConfig, SagaType};
    /// # let tracker = saga_sdk::connect(&SagaConfig::default())?;
    /// let order = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    /// let refund = order.child(SagaType::REFUND, "saga-2");
    /// assert_eq!(refund.parent(), Some(&"saga-1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn child(&self, saga_type: impl Into<SagaType>, saga_id: impl IntoSagaId) -> Self {
        let context = self.context.as_ref().map(|context| {
            let parent = context.as_ref().map_err(Clone::clone)?;
            Ok(SagaContext {
                saga_type: saga_type.into(),
                saga_id: saga_id.into_saga_id()?,
                order_id: parent.order_id.clone(),
            })
        });
        Self {
            client: self.client.clone(),
            context,
            parent: self.context().map(|context| context.saga_id.clone()),
            trace: self.trace.clone(),
        }
    }

    /// Headers that take the saga, its parent and the current trace to the next service, for HTTP or Kafka, with a
    /// disabled tracker too. The next service goes on with [`resume`](trait.SagaTrackerClient.html#method.resume).
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let Some(saga) = self.context() else {
            return Vec::new();
        };
        let trace = TraceContext::current().or_else(|| self.trace.clone());
        context::inject(saga, self.parent.as_ref(), trace.as_ref())
    }

    /// A step that begins the saga, or a service's part of it: `STARTED`.
    #[inline]
    pub fn start(&self, step: impl IntoStep) -> StepBuilder<'_> {
        self.step(step, SagaStatus::Started)
    }

    /// A step that is under way: `IN_PROGRESS`.
    #[inline]
    pub fn progress(&self, step: impl IntoStep) -> StepBuilder<'_> {
        self.step(step, SagaStatus::InProgress)
    }

    /// A step that is done: `COMPLETED`.
    #[inline]
    pub fn complete(&self, step: impl IntoStep) -> StepBuilder<'_> {
        self.step(step, SagaStatus::Completed)
    }

    /// A step that undid another one: `COMPENSATED`.
    #[inline]
    pub fn compensated(&self, step: impl IntoStep) -> StepBuilder<'_> {
        self.step(step, SagaStatus::Compensated)
    }

    /// A step that failed: `FAILED`, with the reason as `failureReason`: a text, or an error with all its causes. See
    /// [`StepRecord::failure`] for long ones.
    ///
    /// ```
    /// use saga_sdk::{Saga, steps};
    ///
    /// fn report(saga: &Saga, error: &std::io::Error) {
    ///     drop(saga.failed(steps::PAYMENT_FAILED, error).record());
    ///     drop(saga.failed(steps::PAYMENT_FAILED, format!("refused by {}", "the bank")).record());
    /// }
    /// ```
    #[inline]
    pub fn failed<Kind>(&self, step: impl IntoStep, reason: impl FailureCause<Kind>) -> StepBuilder<'_> {
        self.build(step, |saga, step| {
            StepRecord::failure(saga, step, &reason.chain())
        })
    }

    #[inline]
    fn step(&self, step: impl IntoStep, status: SagaStatus) -> StepBuilder<'_> {
        self.build(step, |saga, step| Ok(StepRecord::new(saga, step, status)))
    }

    #[inline]
    pub(crate) fn build(
        &self,
        step: impl IntoStep,
        make: impl FnOnce(SagaContext, Step) -> Result<StepRecord, InputError>,
    ) -> StepBuilder<'_> {
        match (&self.client, &self.context) {
            (Some(client), Some(Ok(context))) => {
                let record = step.into_step().and_then(|step| make(context.clone(), step));
                StepBuilder::open(Some(&**client), record.map(|record| self.complete_record(record)))
            }
            (_, Some(Err(error))) => StepBuilder::open(None, Err(error.clone())),
            _ => StepBuilder { open: None },
        }
    }

    fn complete_record(&self, mut record: StepRecord) -> StepRecord {
        record.parent.clone_from(&self.parent);
        record.trace.clone_from(&self.trace);
        record
    }
}

impl AsRef<Self> for Saga {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl fmt::Debug for Saga {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Saga")
            .field("is_enabled", &self.is_enabled())
            .field("context", &self.context)
            .field("parent", &self.parent)
            .finish_non_exhaustive()
    }
}

/// One step, to be completed and recorded.
#[must_use = "a step is recorded by `record`"]
pub struct StepBuilder<'a> {
    open: Option<Box<Open<'a>>>,
}

/// Behind a box, so that a builder is one pointer and a disabled one is none.
struct Open<'a> {
    /// None when nothing is recorded but an error.
    client: Option<&'a dyn SagaTrackerClient>,
    record: Result<StepRecord, InputError>,
}

impl<'a> StepBuilder<'a> {
    fn open(client: Option<&'a dyn SagaTrackerClient>, record: Result<StepRecord, InputError>) -> Self {
        Self {
            open: Some(Box::new(Open { client, record })),
        }
    }
}

impl StepBuilder<'_> {
    /// Adds an entry to the metadata: any value that serializes to JSON. A key that comes again gets the new value.
    #[inline]
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.change(|record| record.insert(key, &value));
        self
    }

    /// Says when the step happened, if that is not now: a [`SystemTime`] or a [`Timestamp`]. A moment outside the years 1
    /// to 9999 is [`InputError::RecordedAt`] when the step is recorded.
    #[inline]
    pub fn at(mut self, moment: impl IntoTimestamp) -> Self {
        self.change(|record| {
            record.recorded_at = Some(moment.into_timestamp()?);
            Ok(())
        });
        self
    }

    /// Says how long the work of the step took, as `durationMs`.
    #[inline]
    pub fn duration(self, duration: Duration) -> Self {
        self.with(keys::DURATION_MS, duration.as_millis())
    }

    /// Names the trace by hand, in hex digits, in place of the current span's: for programs whose OpenTelemetry is
    /// another version than that of this crate's features, or none at all. Ids of every OpenTelemetry version are written
    /// so.
    ///
    /// An id that is not valid is [`InputError::Trace`] when the step is recorded.
    ///
    /// ```
    /// # use saga_sdk::{SagaConfig, SagaType, steps};
    /// # let tracker = saga_sdk::connect(&SagaConfig::default())?;
    /// # let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    /// let step = saga.start(steps::ORDER_CREATED);
    /// drop(step.trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", true).record());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn trace(mut self, trace_id: impl fmt::Display, span_id: impl fmt::Display, sampled: bool) -> Self {
        self.change(|record| {
            record.explicit_trace = Some(explicit_trace(
                trace_id.to_string(),
                span_id.to_string(),
                sampled,
            )?);
            Ok(())
        });
        self
    }

    /// Gives the event an id of the caller's, instead of a new UUIDv7.
    ///
    /// Two events with one id are one event, and must then be equal in everything, times included. To repeat a record
    /// that was not acknowledged, use [`record_event`](SagaTrackerClient::record_event) instead.
    #[inline]
    pub fn event_id(mut self, id: &str) -> Self {
        self.change(|record| {
            record.event_id = Some(EventId::new(id).map_err(InputError::EventId)?);
            Ok(())
        });
        self
    }

    /// Records the step.
    ///
    /// # Errors
    ///
    /// The returned future gives [`RecordError::Input`](crate::RecordError::Input) for bad input, and in synchronous
    /// mode the other variants when the event was not acknowledged.
    #[inline]
    pub fn record(self) -> Recording {
        match self.open {
            None => Recording::done(),
            Some(open) => open.record(),
        }
    }

    /// The step instead of recording it; none with a disabled tracker.
    #[cfg(any(feature = "outbox-postgres", feature = "outbox-sqlite"))]
    pub(crate) fn into_record(self) -> Option<Result<StepRecord, InputError>> {
        self.open.map(|open| open.record)
    }

    #[inline]
    fn change(&mut self, change: impl FnOnce(&mut StepRecord) -> Result<(), InputError>) {
        if let Some(open) = &mut self.open
            && let Ok(record) = &mut open.record
            && let Err(error) = change(record)
        {
            open.record = Err(error);
        }
    }
}

impl Open<'_> {
    fn record(self: Box<Self>) -> Recording {
        match (self.client, self.record) {
            (Some(client), Ok(record)) => client.record_step(record),
            (None, Ok(_)) => Recording::done(),
            (_, Err(error)) => Recording::failed(error),
        }
    }
}

impl fmt::Debug for StepBuilder<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.open {
            Some(open) => formatter.debug_tuple("StepBuilder").field(&open.record).finish(),
            None => formatter.write_str("StepBuilder(disabled)"),
        }
    }
}

fn explicit_trace(trace_id: String, span_id: String, sampled: bool) -> Result<TraceContext, InputError> {
    TraceContext::from_hex(&trace_id, &span_id, sampled).ok_or(InputError::Trace { trace_id, span_id })
}

/// What names a step: one of [`steps`](crate::steps), one of the team's own by [`step!`](crate::step), or a text that is
/// checked when the step is recorded.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a step",
    note = "take a constant of `saga_sdk::steps`, make one with `saga_sdk::step!(\"POINTS_GRANTED\")`, or give a text"
)]
pub trait IntoStep {
    /// The step.
    ///
    /// # Errors
    ///
    /// [`InputError::Step`] when a text is not `UPPER_SNAKE_CASE` or longer than 100 characters.
    fn into_step(self) -> Result<Step, InputError>;
}

impl IntoStep for Step {
    #[inline]
    fn into_step(self) -> Result<Step, InputError> {
        Ok(self)
    }
}

impl IntoStep for StepName {
    fn into_step(self) -> Result<Step, InputError> {
        Ok(self.into())
    }
}

impl IntoStep for &Step {
    #[inline]
    fn into_step(self) -> Result<Step, InputError> {
        Ok(self.clone())
    }
}

impl IntoStep for &str {
    fn into_step(self) -> Result<Step, InputError> {
        Step::new(self).map_err(InputError::Step)
    }
}

impl IntoStep for String {
    fn into_step(self) -> Result<Step, InputError> {
        Step::new(self).map_err(InputError::Step)
    }
}

/// When a step happened: a [`SystemTime`], or a [`Timestamp`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a moment",
    note = "give a `std::time::SystemTime` or a `saga_sdk::Timestamp`; times of chrono and of the crate `time` by \
            `SystemTime::from(moment)`"
)]
pub trait IntoTimestamp {
    /// The moment in milliseconds.
    ///
    /// # Errors
    ///
    /// [`InputError::RecordedAt`] outside the years 1 to 9999.
    fn into_timestamp(self) -> Result<Timestamp, InputError>;
}

impl IntoTimestamp for Timestamp {
    fn into_timestamp(self) -> Result<Timestamp, InputError> {
        Ok(self)
    }
}

impl IntoTimestamp for SystemTime {
    fn into_timestamp(self) -> Result<Timestamp, InputError> {
        Timestamp::try_from(self).map_err(InputError::RecordedAt)
    }
}
