//! Events for tests, in few words.

use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp, steps};

/// 2023-11-14T22:13:20Z: the moment from which test events count.
pub(crate) const EPOCH: i64 = 1_700_000_000_000;

/// A moment so many milliseconds after [`EPOCH`].
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(EPOCH + millis).unwrap()
}

/// An event of an order creation.
pub(crate) fn event(saga_id: &str, event_id: &str, step: Step, status: SagaStatus, millis: i64) -> SagaEvent {
    SagaEvent::new(
        event_id.parse().unwrap(),
        saga_id.parse().unwrap(),
        format!("order-of-{}", &saga_id.chars().take(80).collect::<String>()).parse().unwrap(),
        SagaType::ORDER_CREATION,
        step,
        status,
        at(millis),
    )
}

/// The first event of an order creation.
pub(crate) fn created(saga_id: &str, event_id: &str, millis: i64) -> SagaEvent {
    event(saga_id, event_id, steps::ORDER_CREATED, SagaStatus::Started, millis)
}

/// The same event with metadata.
pub(crate) fn with(event: SagaEvent, metadata: &str) -> SagaEvent {
    event.with_metadata(Metadata::parse(metadata).unwrap())
}
