//! A step on its way to becoming an event.
//!
//! What the caller set is kept; what the caller left open is filled in here, in one place for every
//! client.

use std::thread;

use saga_types::{
    EventId, MetadataBuilder, NameError, SagaEvent, SagaId, SagaStatus, SagaType, Step, Timestamp, keys,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    InputError, thread_locals,
    trace::{TRACE_FLAGS, TraceContext},
};

/// The metadata key of the version of the service that recorded.
const SERVICE_VERSION: &str = "serviceVersion";

/// The metadata key of the saga that began this one.
const PARENT_SAGA_ID: &str = "parentSagaId";

/// The longest failure reason that is kept, in characters.
pub const MAX_REASON_CHARS: usize = 4_000;

/// Which saga a step belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SagaContext {
    /// The kind of saga.
    pub saga_type: SagaType,
    /// The saga.
    pub saga_id: SagaId,
    /// The business key.
    pub order_id: saga_types::OrderId,
}

/// A step to be recorded: what happened in which saga, and what the caller adds.
///
/// ```
/// use saga_sdk::{SagaContext, SagaStatus, SagaType, StepRecord, steps};
///
/// let saga = SagaContext {
///     saga_type: SagaType::ORDER_CREATION,
///     saga_id: "saga-1".parse()?,
///     order_id: "order-1".parse()?,
/// };
/// let mut record = StepRecord::new(saga, steps::ORDER_CREATED, SagaStatus::Started);
/// record.insert("itemCount", &2)?;
/// // What every client makes of it: an event with an id, a time and the service's name.
/// let event = record.into_event("order-service", None)?;
/// assert_eq!(event.metadata.as_ref().and_then(|metadata| metadata.producer_service()), Some("order-service"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StepRecord {
    /// The saga.
    pub saga: SagaContext,
    /// What happened.
    pub step: Step,
    /// How it ended.
    pub status: SagaStatus,
    /// What the caller adds.
    pub metadata: MetadataBuilder,
    /// The event's id; a new UUIDv7 when none is given.
    pub event_id: Option<EventId>,
    /// When the step happened; now when not given.
    pub recorded_at: Option<Timestamp>,
    /// The trace that the saga came with from another service, for when there is no current span.
    pub trace: Option<TraceContext>,
    /// The trace that the caller names, in place of the current span's.
    pub explicit_trace: Option<TraceContext>,
    /// The saga that began this one.
    pub parent: Option<SagaId>,
}

impl StepRecord {
    /// A step without metadata that happens now.
    #[must_use]
    pub fn new(saga: SagaContext, step: Step, status: SagaStatus) -> Self {
        let metadata = MetadataBuilder::default();
        Self {
            saga,
            step,
            status,
            metadata,
            event_id: None,
            recorded_at: None,
            trace: None,
            explicit_trace: None,
            parent: None,
        }
    }

    /// A failed step with its reason, which becomes `failureReason` in the metadata.
    ///
    /// A failure must not go unrecorded because of the text of an error: U+0000 is replaced, and a reason of more
    /// than [`MAX_REASON_CHARS`] characters is cut.
    ///
    /// # Errors
    ///
    /// [`InputError::Metadata`] never in practice, since such a reason always fits.
    pub fn failure(saga: SagaContext, step: Step, reason: &str) -> Result<Self, InputError> {
        let mut record = Self::new(saga, step, SagaStatus::Failed);
        record.set_reason(reason)?;
        Ok(record)
    }

    pub(crate) fn set_reason(&mut self, reason: &str) -> Result<(), InputError> {
        self.insert(keys::FAILURE_REASON, &presentable(reason))
    }

    /// Adds an entry to the metadata; a key that is there already gets the new value.
    ///
    /// # Errors
    ///
    /// [`InputError::Metadata`] when the value is not valid JSON within the limits.
    pub fn insert(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), InputError> {
        self.metadata.insert(key, value).map_err(InputError::Metadata)
    }

    /// Names the version of the service, unless the caller has or there is none.
    ///
    /// # Errors
    ///
    /// [`InputError::Metadata`] when the metadata becomes too long.
    pub fn set_service_version(&mut self, version: Option<&str>) -> Result<(), InputError> {
        match version {
            Some(version) => self.add(SERVICE_VERSION, version),
            None => Ok(()),
        }
    }

    /// The trace to name: the caller's, else that of the current span, else the one that the saga came with.
    #[must_use]
    pub fn current_trace(&mut self) -> Option<TraceContext> {
        let explicit = self.explicit_trace.take();
        explicit
            .or_else(TraceContext::current)
            .or_else(|| self.trace.take())
    }

    /// The finished event: with an id, the times, the service and the trace. Keys that the caller set are kept.
    ///
    /// # Errors
    ///
    /// [`InputError`] when the step or the saga type is not `UPPER_SNAKE_CASE`, or the metadata becomes too long.
    pub fn into_event(
        mut self,
        service: &str,
        trace: Option<&TraceContext>,
    ) -> Result<SagaEvent, InputError> {
        self.check_style()?;
        let built_at = Timestamp::now();
        self.add(keys::PRODUCER_SERVICE, service)?;
        self.add(keys::PRODUCER_TIMESTAMP, &built_at)?;
        if let Some(trace) = trace {
            self.add(keys::TRACE_ID, trace.trace_id_hex().as_str())?;
            self.add(keys::SPAN_ID, trace.span_id_hex().as_str())?;
            if !trace.is_sampled() {
                self.add(TRACE_FLAGS, trace.flags_hex().as_str())?;
            }
        }
        if let Some(parent) = self.parent.take() {
            self.add(PARENT_SAGA_ID, parent.as_str())?;
        }
        Ok(SagaEvent {
            event_id: self.event_id.map_or_else(new_event_id, Ok)?,
            event_timestamp: built_at,
            saga_id: self.saga.saga_id,
            saga_type: self.saga.saga_type,
            step: self.step,
            status: self.status,
            order_id: self.saga.order_id,
            metadata: Some(self.metadata.build().map_err(InputError::Metadata)?),
            recorded_at: self.recorded_at.unwrap_or(built_at),
        })
    }

    /// Names may come from the wire, where any style is allowed.
    fn check_style(&self) -> Result<(), InputError> {
        let refusal = |name: &str| NameError::NotUpperSnakeCase {
            name: name.to_owned(),
        };
        if !self.step.is_upper_snake_case() {
            return Err(InputError::Step(refusal(self.step.as_str())));
        }
        if !self.saga.saga_type.is_upper_snake_case() {
            return Err(InputError::SagaType(refusal(self.saga.saga_type.as_str())));
        }
        Ok(())
    }

    fn add(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), InputError> {
        self.metadata
            .insert_if_absent(key, value)
            .map_err(InputError::Metadata)
    }
}

/// Ids of one process grow with every call, also within a millisecond.
fn new_event_id() -> Result<EventId, InputError> {
    let mut buffer = Uuid::encode_buffer();
    let text: &str = now_v7().hyphenated().encode_lower(&mut buffer);
    EventId::new(text).map_err(InputError::EventId)
}

/// The random numbers of a thread that is being torn down are gone; another thread still has them.
fn now_v7() -> Uuid {
    thread_locals::read(Uuid::now_v7)
        .or_else(|| thread::spawn(Uuid::now_v7).join().ok())
        .unwrap_or_default()
}

fn presentable(reason: &str) -> String {
    let shown = |character| {
        if character == '\0' {
            char::REPLACEMENT_CHARACTER
        } else {
            character
        }
    };
    let mut text: String = reason.chars().take(MAX_REASON_CHARS).map(shown).collect();
    if text.len() < reason.len() && reason.chars().nth(MAX_REASON_CHARS).is_some() {
        text.pop();
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use saga_types::steps;

    use super::*;

    fn saga() -> SagaContext {
        SagaContext {
            saga_type: SagaType::ORDER_CREATION,
            saga_id: "saga-1".parse().unwrap(),
            order_id: "order-1".parse().unwrap(),
        }
    }

    #[test]
    fn what_the_caller_left_open_is_filled_in() {
        let record = StepRecord::new(saga(), steps::ORDER_CREATED, SagaStatus::Started);
        let event = record.into_event("order-service", None).unwrap();
        let metadata = event.metadata.unwrap().to_object();
        assert_eq!(metadata["producerService"], "order-service");
        assert_eq!(metadata["producerTimestamp"], event.event_timestamp.to_string());
        assert_eq!(metadata.len(), 2);
        assert_eq!(event.recorded_at, event.event_timestamp);
    }

    #[test]
    fn what_the_caller_set_is_kept() {
        let mut record = StepRecord::new(saga(), steps::ORDER_CREATED, SagaStatus::Started);
        record.insert("producerService", "another").unwrap();
        record.event_id = Some("mine".parse().unwrap());
        record.recorded_at = Some(Timestamp::from_millis(7).unwrap());
        let event = record.into_event("order-service", None).unwrap();
        assert_eq!(event.metadata.unwrap().producer_service(), Some("another"));
        assert_eq!(
            (event.event_id.as_str(), event.recorded_at.as_millis()),
            ("mine", 7)
        );
    }

    #[test]
    fn event_ids_grow_across_threads_and_within_a_millisecond() {
        let mut all = std::thread::scope(|scope| {
            let make = || (0..2_000).map(|_| new_event_id().unwrap()).collect::<Vec<_>>();
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .collect::<Vec<_>>()
        });
        for ids in &all {
            assert!(ids.is_sorted());
        }
        let mut all: Vec<_> = all.drain(..).flatten().collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 8_000);
    }

    #[test]
    fn a_step_from_the_wire_in_another_style_is_refused() {
        let step = Step::from_wire("stock.reserved").unwrap();
        let error = StepRecord::new(saga(), step, SagaStatus::Started)
            .into_event("s", None)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "step is not UPPER_SNAKE_CASE: \"stock.reserved\""
        );
    }

    #[test]
    fn a_failure_is_recorded_whatever_its_reason_says() {
        let reason = format!("\0{}", "x".repeat(100_000));
        let event = StepRecord::failure(saga(), steps::PAYMENT_FAILED, &reason).unwrap();
        let event = event.into_event("s", None).unwrap();
        let metadata = event.metadata.unwrap();
        let kept = metadata.failure_reason().unwrap();
        assert!(kept.starts_with("\u{fffd}x") && kept.ends_with("x…"));
        assert_eq!(kept.chars().count(), MAX_REASON_CHARS);
    }
}
