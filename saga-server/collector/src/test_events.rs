//! Events for the tests of this package.

use saga_types::{SagaEvent, SagaStatus, SagaType, Step, Timestamp, steps};

/// An event of an order creation, whose order is `ORD-` and the saga's id.
pub(crate) fn event(
    saga_id: &str,
    event_id: &str,
    step: Step,
    status: SagaStatus,
    recorded_at: Timestamp,
) -> SagaEvent {
    SagaEvent::new(
        event_id.parse().unwrap(),
        saga_id.parse().unwrap(),
        format!("ORD-{saga_id}").parse().unwrap(),
        SagaType::ORDER_CREATION,
        step,
        status,
        recorded_at,
    )
}

/// The first event of `saga-1`.
pub(crate) fn created(event_id: &str, recorded_at: Timestamp) -> SagaEvent {
    event(
        "saga-1",
        event_id,
        steps::ORDER_CREATED,
        SagaStatus::Started,
        recorded_at,
    )
}
