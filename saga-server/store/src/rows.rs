//! From the columns of a stored step to the types that readers want; both adapters read the same columns.

use saga_types::{
    EventId, Metadata, OrderId, SagaEvent, SagaId, SagaType, Step, Timestamp,
    fold::{FoldEvent, Position},
    is_name,
};

use super::{StoreError, StoredStep, metadata};

/// A step as `steps` answers it.
pub(super) struct StepColumns {
    pub(super) id: i64,
    pub(super) event_id: String,
    pub(super) step: String,
    pub(super) status: String,
    pub(super) producer_service: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) metadata: Option<String>,
    pub(super) saga_type: String,
    pub(super) order_id: String,
    pub(super) recorded_at: Timestamp,
    pub(super) stored_at: Timestamp,
}

/// A step as it was recorded.
pub(super) struct EventColumns {
    pub(super) saga_id: String,
    pub(super) event_id: String,
    pub(super) saga_type: String,
    pub(super) order_id: String,
    pub(super) step: String,
    pub(super) status: String,
    pub(super) metadata: Option<String>,
    pub(super) recorded_at: Timestamp,
    pub(super) event_timestamp: Timestamp,
}

/// What the fold looks at in a step.
pub(super) struct FoldColumns {
    pub(super) saga_id: String,
    pub(super) event_id: String,
    pub(super) saga_type: String,
    pub(super) order_id: String,
    pub(super) step: String,
    pub(super) status: String,
    pub(super) producer_service: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) failure_reason: Option<String>,
    pub(super) parent_saga_id: Option<String>,
    pub(super) recorded_at: Timestamp,
}

impl TryFrom<StepColumns> for StoredStep {
    type Error = StoreError;

    fn try_from(columns: StepColumns) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id,
            event_id: EventId::new(columns.event_id).map_err(corrupt)?,
            step: Step::from_wire(columns.step).map_err(corrupt)?,
            status: columns.status.parse().map_err(corrupt)?,
            producer_service: columns.producer_service,
            trace_id: columns.trace_id,
            metadata: read_metadata(columns.metadata)?,
            saga_type: SagaType::try_from(columns.saga_type).map_err(corrupt)?,
            order_id: OrderId::new(columns.order_id).map_err(corrupt)?,
            recorded_at: columns.recorded_at,
            stored_at: columns.stored_at,
        })
    }
}

impl TryFrom<EventColumns> for SagaEvent {
    type Error = StoreError;

    fn try_from(columns: EventColumns) -> Result<Self, StoreError> {
        let mut event = Self::new(
            EventId::new(columns.event_id).map_err(corrupt)?,
            SagaId::new(columns.saga_id).map_err(corrupt)?,
            OrderId::new(columns.order_id).map_err(corrupt)?,
            SagaType::try_from(columns.saga_type).map_err(corrupt)?,
            Step::from_wire(columns.step).map_err(corrupt)?,
            columns.status.parse().map_err(corrupt)?,
            columns.recorded_at,
        );
        event.event_timestamp = columns.event_timestamp;
        event.metadata = read_metadata(columns.metadata)?;
        Ok(event)
    }
}

impl TryFrom<FoldColumns> for FoldEvent {
    type Error = StoreError;

    fn try_from(columns: FoldColumns) -> Result<Self, StoreError> {
        Ok(Self {
            saga_id: SagaId::new(columns.saga_id).map_err(corrupt)?,
            position: Position {
                recorded_at: columns.recorded_at,
                event_id: EventId::new(columns.event_id).map_err(corrupt)?,
            },
            saga_type: SagaType::try_from(columns.saga_type).map_err(corrupt)?,
            order_id: OrderId::new(columns.order_id).map_err(corrupt)?,
            step: Step::from_wire(columns.step).map_err(corrupt)?,
            status: columns.status.parse().map_err(corrupt)?,
            // Steps that were stored before names had rules may hold any text.
            producer_service: columns.producer_service.filter(|name| is_name(name)),
            trace_id: columns.trace_id.filter(|name| is_name(name)),
            failure_reason: columns.failure_reason,
            parent_saga_id: columns.parent_saga_id.and_then(|id| SagaId::new(id).ok()),
        })
    }
}

pub(super) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

fn read_metadata(text: Option<String>) -> Result<Option<Metadata>, StoreError> {
    text.map(metadata::read_back).transpose().map_err(corrupt)
}
