//! An event as it is on the wire, and the rules of the contract that make it one.

use super::error::DecodeError;
use crate::{
    EventId, Metadata, NameError, OrderId, SagaEvent, SagaId, SagaStatus, SagaType, Step, Timestamp,
};

/// The ten fields as they are on the wire, not yet checked.
pub(super) struct RawEvent<'a> {
    pub(super) event_id: &'a str,
    pub(super) event_timestamp: i64,
    pub(super) saga_id: &'a str,
    pub(super) saga_type: &'a str,
    pub(super) step: &'a str,
    pub(super) status: SagaStatus,
    pub(super) order_id: &'a str,
    pub(super) metadata: Option<&'a str>,
    pub(super) recorded_at: i64,
    pub(super) saga_type_name: Option<&'a str>,
}

impl RawEvent<'_> {
    /// Applies the rules of the contract.
    pub(super) fn check(self) -> Result<SagaEvent, DecodeError> {
        Ok(SagaEvent {
            event_id: EventId::new(self.event_id).map_err(invalid_name("eventId"))?,
            event_timestamp: check_time("eventTimestamp", self.event_timestamp)?,
            saga_id: SagaId::new(self.saga_id).map_err(invalid_name("sagaId"))?,
            saga_type: self.checked_saga_type()?,
            step: Step::from_wire(self.step).map_err(invalid_name("step"))?,
            status: self.status,
            order_id: OrderId::new(self.order_id).map_err(invalid_name("orderId"))?,
            metadata: self
                .metadata
                .map(Metadata::parse)
                .transpose()
                .map_err(DecodeError::InvalidMetadata)?,
            recorded_at: check_time("recordedAt", self.recorded_at)?,
        })
    }

    fn checked_saga_type(&self) -> Result<SagaType, DecodeError> {
        let (field, name) = if self.saga_type == SagaType::CUSTOM_SYMBOL {
            (
                "sagaTypeName",
                self.saga_type_name.ok_or(DecodeError::MissingSagaTypeName)?,
            )
        } else {
            ("sagaType", self.saga_type)
        };
        SagaType::try_from(name.to_owned()).map_err(invalid_name(field))
    }
}

fn invalid_name(field: &'static str) -> impl Fn(NameError) -> DecodeError {
    move |error| DecodeError::InvalidName { field, error }
}

fn check_time(field: &'static str, millis: i64) -> Result<Timestamp, DecodeError> {
    Timestamp::from_millis(millis).map_err(|error| DecodeError::InvalidTimestamp { field, error })
}
