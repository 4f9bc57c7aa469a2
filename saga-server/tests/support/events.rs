//! Sagas as the services of a shop record them.

use saga_types::{
    Metadata, SagaEvent, SagaStatus,
    SagaStatus::{Compensated, Completed, Failed, InProgress, Started},
    SagaType, Step, Timestamp, steps,
};

/// One recorded step, in short.
pub type Recorded = (&'static str, Step, SagaStatus);

pub fn success() -> Vec<Recorded> {
    vec![
        ("order-service", steps::ORDER_CREATED, Started),
        ("product-service", steps::STOCK_RESERVATION, InProgress),
        ("product-service", steps::STOCK_RESERVED, Completed),
        ("payment-service", steps::PAYMENT_INITIALIZATION, InProgress),
        ("payment-service", steps::PAYMENT_INITIALIZED, InProgress),
        ("payment-service", steps::PAYMENT_COMPLETED, Completed),
        ("order-service", steps::ORDER_CONFIRMED, Completed),
    ]
}

pub fn out_of_stock() -> Vec<Recorded> {
    vec![
        ("order-service", steps::ORDER_CREATED, Started),
        ("product-service", steps::STOCK_RESERVATION, InProgress),
        ("product-service", steps::STOCK_RESERVATION_FAILED, Failed),
        ("order-service", steps::ORDER_CANCELLED, Failed),
    ]
}

pub fn compensated() -> Vec<Recorded> {
    let mut recorded = success();
    recorded.truncate(5);
    recorded.extend([
        ("payment-service", steps::PAYMENT_FAILED, Failed),
        ("product-service", steps::STOCK_RELEASED, Compensated),
        ("order-service", steps::ORDER_CANCELLED, Failed),
    ]);
    recorded
}

/// The events of a saga, 10 ms apart, from now on.
pub fn saga(saga_id: &str, recorded: &[Recorded]) -> Vec<SagaEvent> {
    let start = Timestamp::now().as_millis();
    let event = |(position, (service, step, status)): (usize, &Recorded)| {
        let mut metadata = Metadata::builder();
        metadata.insert("producerService", *service).unwrap();
        if *status == Failed {
            metadata.insert("failureReason", "NOT_TODAY").unwrap();
        }
        let mut event = event(saga_id, position, step.clone(), *status);
        event.recorded_at = Timestamp::from_millis(start + i64::try_from(position).unwrap() * 10).unwrap();
        event.with_metadata(metadata.build().unwrap())
    };
    recorded.iter().enumerate().map(event).collect()
}

/// One event; its id tells its saga and place.
pub fn event(saga_id: &str, position: usize, step: Step, status: SagaStatus) -> SagaEvent {
    SagaEvent::new(
        format!("{saga_id}-evt-{position:06}").parse().unwrap(),
        saga_id.parse().unwrap(),
        format!("order-of-{saga_id}").parse().unwrap(),
        SagaType::ORDER_CREATION,
        step,
        status,
        Timestamp::from_millis(1_760_000_000_000 + i64::try_from(position).unwrap()).unwrap(),
    )
}
