//! The handle of one saga and the builder of one step: what a service writes.

use std::{fmt, sync::Arc};

use saga_types::{EventId, OrderId, SagaId, SagaStatus, SagaType, Step, Timestamp};
use serde::Serialize;

use crate::{
    ContextError, InputError, Recording, SagaContext, SagaTrackerClient, StepRecord, StepRun, TraceContext,
    context,
};

impl dyn SagaTrackerClient {
    /// A handle for one saga. Ids may be anything that reads as text: `&str`, `String`, a UUID, a number.
    ///
    /// A bad id is an error of each record call on the handle. A disabled tracker checks nothing.
    ///
    /// ```
    /// use saga_sdk::{SagaConfig, SagaType, steps};
    ///
    /// # async fn place_order() -> Result<(), Box<dyn std::error::Error>> {
    /// let tracker = saga_sdk::connect(&SagaConfig::default())?; // disabled
    /// let saga = tracker.saga(SagaType::ORDER_CREATION, "saga-1", 4711);
    /// saga.start(steps::ORDER_CREATED).with("customerId", "C-17").record().await?;
    /// saga.failed(steps::ORDER_CANCELLED, "the customer changed her mind").record().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn saga(
        self: &Arc<Self>,
        saga_type: SagaType,
        saga_id: impl fmt::Display,
        order_id: impl fmt::Display,
    ) -> Saga {
        if self.is_enabled() {
            Saga::new(Arc::clone(self), checked(saga_type, &saga_id, &order_id))
        } else {
            Saga { enabled: None }
        }
    }

    /// Goes on with a saga that came from another service, in the headers that [`Saga::headers`] gave there.
    ///
    /// Takes the headers of HTTP or Kafka as pairs of name and value: `&http::HeaderMap`, `&HashMap<String, String>`,
    /// or any iterator. Names are compared without regard to case. The trace of the caller is used for steps that are
    /// recorded outside of any span.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use saga_sdk::{SagaConfig, steps};
    ///
    /// # async fn handle(headers: &HashMap<String, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let tracker = saga_sdk::connect(&SagaConfig::default())?;
    /// let saga = tracker.resume(headers)?;
    /// saga.complete(steps::STOCK_RESERVED).record().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ContextError`] when a header of the saga is missing, given twice with different values, or not valid. A trace
    /// that is not valid is left out. A disabled tracker checks nothing.
    pub fn resume<N: AsRef<str>, V: AsRef<[u8]>>(
        self: &Arc<Self>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Saga, ContextError> {
        if !self.is_enabled() {
            return Ok(Saga { enabled: None });
        }
        let (saga, trace) = context::extract(headers)?;
        Ok(Saga {
            enabled: Some(Enabled {
                client: Arc::clone(self),
                context: Ok(saga),
                trace,
            }),
        })
    }
}

fn checked(
    saga_type: SagaType,
    saga_id: &dyn fmt::Display,
    order_id: &dyn fmt::Display,
) -> Result<SagaContext, InputError> {
    Ok(SagaContext {
        saga_type,
        saga_id: SagaId::new(saga_id.to_string()).map_err(InputError::SagaId)?,
        order_id: OrderId::new(order_id.to_string()).map_err(InputError::OrderId)?,
    })
}

/// One saga, for recording its steps. Cheap to make; clone it into other tasks.
///
/// Made by [`saga`](trait.SagaTrackerClient.html#method.saga). With a disabled tracker it holds nothing, and every call on it is
/// free: nothing is checked, serialized or allocated.
#[derive(Clone)]
pub struct Saga {
    enabled: Option<Enabled>,
}

#[derive(Clone)]
struct Enabled {
    client: Arc<dyn SagaTrackerClient>,
    context: Result<SagaContext, InputError>,
    /// Of the call or message that the saga came with.
    trace: Option<TraceContext>,
}

impl Saga {
    fn new(client: Arc<dyn SagaTrackerClient>, context: Result<SagaContext, InputError>) -> Self {
        Self {
            enabled: Some(Enabled {
                client,
                context,
                trace: None,
            }),
        }
    }

    /// Whether steps go anywhere.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled.is_some()
    }

    /// Type and ids; `None` with a disabled tracker, or when an id was refused.
    #[must_use]
    pub fn context(&self) -> Option<&SagaContext> {
        self.enabled.as_ref()?.context.as_ref().ok()
    }

    /// Headers that take the saga, and the current trace, to the next service, for HTTP or Kafka; empty with a disabled
    /// tracker. The next service goes on with [`resume`](trait.SagaTrackerClient.html#method.resume).
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let Some(saga) = self.context() else {
            return Vec::new();
        };
        let came_with = self.enabled.as_ref().and_then(|enabled| enabled.trace.clone());
        context::inject(saga, TraceContext::current().or(came_with).as_ref())
    }

    /// Runs a step: records it as under way, then as done or as failed; see [`StepRun`].
    pub fn run(&self, step: impl IntoStep) -> StepRun<'_> {
        StepRun::new(self, step)
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

    /// A step that failed: `FAILED`, with the reason as `failureReason`; see [`StepRecord::failure`] for long ones.
    #[inline]
    pub fn failed(&self, step: impl IntoStep, reason: impl fmt::Display) -> StepBuilder<'_> {
        self.build(step, |saga, step| {
            StepRecord::failure(saga, step, &reason.to_string())
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
        let Some(enabled) = &self.enabled else {
            return StepBuilder { open: None };
        };
        let mut record = enabled
            .context
            .clone()
            .and_then(|saga| make(saga, step.into_step()?));
        if let (Ok(record), Some(trace)) = (&mut record, &enabled.trace) {
            record.trace = Some(trace.clone());
        }
        StepBuilder {
            open: Some(Box::new(Open {
                client: &*enabled.client,
                record,
            })),
        }
    }
}

impl fmt::Debug for Saga {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.enabled {
            Some(enabled) => formatter.debug_tuple("Saga").field(&enabled.context).finish(),
            None => formatter.write_str("Saga(disabled)"),
        }
    }
}

/// One step, to be completed and recorded.
#[must_use = "a step is recorded by `record`"]
pub struct StepBuilder<'a> {
    open: Option<Box<Open<'a>>>,
}

/// Behind a box, so that a builder is one pointer and a disabled one is none.
struct Open<'a> {
    client: &'a dyn SagaTrackerClient,
    record: Result<StepRecord, InputError>,
}

impl StepBuilder<'_> {
    /// Adds an entry to the metadata: any value that serializes to JSON. A key that comes again gets the new value.
    #[inline]
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.change(|record| record.insert(key, &value));
        self
    }

    /// RegistryRefusal when the step happened, if that is not now.
    #[inline]
    pub fn at(mut self, moment: Timestamp) -> Self {
        self.change(|record| {
            record.recorded_at = Some(moment);
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
        match self.record {
            Ok(record) => self.client.record_step(record),
            Err(error) => Recording::failed(error),
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

/// What names a step: one of [`steps`](crate::steps), or a text that is checked when the step is recorded.
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
