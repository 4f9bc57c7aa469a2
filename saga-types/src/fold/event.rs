//! What the fold reads of an event, and the order of events.

use serde::{Deserialize, Serialize};

use crate::{EventId, Metadata, OrderId, SagaEvent, SagaId, SagaStatus, SagaType, Step, Timestamp, steps};

/// The place of an event among the events of its saga: by the time it was recorded, then by its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "(i64, EventId)", try_from = "(i64, EventId)")]
pub struct Position {
    /// When the step happened.
    pub recorded_at: Timestamp,
    /// The event.
    pub event_id: EventId,
}

impl From<Position> for (i64, EventId) {
    fn from(position: Position) -> Self {
        (position.recorded_at.as_millis(), position.event_id)
    }
}

impl TryFrom<(i64, EventId)> for Position {
    type Error = crate::TimestampError;

    fn try_from((millis, event_id): (i64, EventId)) -> Result<Self, Self::Error> {
        Ok(Self {
            recorded_at: Timestamp::from_millis(millis)?,
            event_id,
        })
    }
}

/// What the fold reads of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldEvent {
    /// Its saga.
    pub saga_id: SagaId,
    /// Its place among the saga's events.
    pub position: Position,
    /// The saga's type, as this event says.
    pub saga_type: SagaType,
    /// The business key, as this event says.
    pub order_id: OrderId,
    /// What happened.
    pub step: Step,
    /// How it ended.
    pub status: SagaStatus,
    /// The service that recorded it.
    pub producer_service: Option<String>,
    /// The trace it was recorded in.
    pub trace_id: Option<String>,
    /// Why it failed; of an override without `failureReason`, its reason.
    pub failure_reason: Option<String>,
    /// The saga that this one is a part of.
    pub parent_saga_id: Option<SagaId>,
}

impl FoldEvent {
    /// Whether the event says that its step was done: it neither failed nor was undone.
    pub(super) fn is_done(&self) -> bool {
        !matches!(self.status, SagaStatus::Failed | SagaStatus::Compensated)
    }
}

impl From<&SagaEvent> for FoldEvent {
    fn from(event: &SagaEvent) -> Self {
        let metadata = event.metadata.as_ref();
        Self {
            saga_id: event.saga_id.clone(),
            position: Position {
                recorded_at: event.recorded_at,
                event_id: event.event_id.clone(),
            },
            saga_type: event.saga_type.clone(),
            order_id: event.order_id.clone(),
            step: event.step.clone(),
            status: event.status,
            producer_service: metadata.and_then(Metadata::producer_service).map(str::to_owned),
            trace_id: metadata.and_then(Metadata::trace_id).map(str::to_owned),
            failure_reason: metadata
                .and_then(|metadata| failure_reason(event.step.as_str(), metadata))
                .map(str::to_owned),
            parent_saga_id: metadata
                .and_then(Metadata::parent_saga_id)
                .and_then(|id| SagaId::new(id).ok()),
        }
    }
}

/// Why a step failed. An override to FAILED is a failure with its own reason, also one that no collector wrote.
#[must_use]
pub fn failure_reason<'a>(step: &str, metadata: &'a Metadata) -> Option<&'a str> {
    let of_override = || {
        metadata
            .reason()
            .filter(|_| step == steps::MANUAL_STATUS_OVERRIDE.as_str())
    };
    metadata.failure_reason().or_else(of_override)
}
