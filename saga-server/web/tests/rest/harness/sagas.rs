//! Events to put into the store, as sagas and one by one.

use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp};
use serde_json::{Value, json};

/// When the tests' sagas begin: 2025-10-09T08:53:20.000Z.
pub(crate) const BEGIN: i64 = 1_760_000_000_000;

/// An event of an order, to be changed as a test needs it.
#[derive(Clone)]
pub(crate) struct Event(pub(crate) SagaEvent);

/// An event of the saga that happened so many milliseconds after [`BEGIN`]; its id tells saga, step and time.
pub(crate) fn event(saga_id: &str, step: &str, status: &str, after_ms: i64) -> Event {
    let step = Step::from_wire(step).unwrap();
    // Ids of events have at most 100 characters, as sagas' have.
    let place = saga_id.chars().take(60).collect::<String>();
    Event(SagaEvent::new(
        format!(
            "{place}-{after_ms}-{}",
            step.as_str().chars().take(20).collect::<String>()
        )
        .parse()
        .unwrap(),
        saga_id.parse().unwrap(),
        format!("ORD-{place}").parse().unwrap(),
        SagaType::ORDER_CREATION,
        step,
        status.parse::<SagaStatus>().unwrap(),
        Timestamp::from_millis(BEGIN + after_ms).unwrap(),
    ))
}

impl Event {
    pub(crate) fn of_type(mut self, saga_type: &str) -> Self {
        self.0.saga_type = SagaType::new(saga_type).unwrap();
        self
    }

    pub(crate) fn of_order(mut self, order_id: &str) -> Self {
        self.0.order_id = order_id.parse().unwrap();
        self
    }

    pub(crate) fn with(mut self, metadata: Value) -> Self {
        self.0.metadata = Some(Metadata::from_object(metadata.as_object().unwrap()).unwrap());
        self
    }
}

/// An order that succeeded within a second.
pub(crate) fn completed(saga_id: &str, after_ms: i64) -> Vec<Event> {
    vec![
        event(saga_id, "ORDER_CREATED", "STARTED", after_ms)
            .with(json!({"producerService": "order-service"})),
        event(saga_id, "ORDER_CONFIRMED", "COMPLETED", after_ms + 1000)
            .with(json!({"producerService": "order-service"})),
    ]
}

/// An order without stock.
pub(crate) fn failed(saga_id: &str, after_ms: i64) -> Vec<Event> {
    vec![
        event(saga_id, "ORDER_CREATED", "STARTED", after_ms)
            .with(json!({"producerService": "order-service"})),
        event(saga_id, "STOCK_RESERVATION_FAILED", "FAILED", after_ms + 500)
            .with(json!({"producerService": "product-service", "failureReason": "OUT_OF_STOCK"})),
    ]
}

/// An order whose stock was given back.
pub(crate) fn compensated(saga_id: &str, after_ms: i64) -> Vec<Event> {
    vec![
        event(saga_id, "STOCK_RESERVED", "COMPLETED", after_ms),
        event(saga_id, "PAYMENT_FAILED", "FAILED", after_ms + 200),
        event(saga_id, "STOCK_RELEASED", "COMPENSATED", after_ms + 3000),
    ]
}
