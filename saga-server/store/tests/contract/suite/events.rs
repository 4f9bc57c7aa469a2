//! Events for tests, in few words, and random ones that repeat with their seed.

use saga_store::Store;
use saga_types::{
    Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp, definition::Definitions, fold, steps,
};

/// A moment so many milliseconds after 2023-11-14T22:13:20Z.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis).unwrap()
}

/// An event of an order creation.
pub(crate) fn event(saga_id: &str, event_id: &str, step: Step, status: SagaStatus, millis: i64) -> SagaEvent {
    SagaEvent::new(
        event_id.parse().unwrap(),
        saga_id.parse().unwrap(),
        format!("order-of-{}", saga_id.chars().take(80).collect::<String>())
            .parse()
            .unwrap(),
        SagaType::ORDER_CREATION,
        step,
        status,
        at(millis),
    )
}

/// The first event of an order creation.
pub(crate) fn created(saga_id: &str, event_id: &str, millis: i64) -> SagaEvent {
    event(
        saga_id,
        event_id,
        steps::ORDER_CREATED,
        SagaStatus::Started,
        millis,
    )
}

/// The same event with metadata.
pub(crate) fn with(event: SagaEvent, metadata: &str) -> SagaEvent {
    event.with_metadata(Metadata::parse(metadata).unwrap())
}

/// The fold of those events that belong to a saga, by the built-in definitions.
pub(crate) fn folded(events: &[SagaEvent], saga_id: &str) -> Option<fold::SagaState> {
    let of_saga = events.iter().filter(|event| event.saga_id == *saga_id);
    fold::fold(of_saga, &Definitions::built_in())
}

/// The state of a saga as a store answers it.
pub(crate) async fn state_of(store: &dyn Store, saga_id: &str) -> Option<fold::SagaState> {
    Some(store.saga(saga_id).await.unwrap()?.state)
}

/// Random numbers that repeat with their seed.
pub(crate) struct Random(u64);

impl Random {
    /// Begins the sequence of a seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// In another order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// Events of some sagas that meet each other in all ways: same times, same steps, disagreeing types and orders.
pub(crate) fn random_events(random: &mut Random, sagas: usize, events_each: usize) -> Vec<SagaEvent> {
    let metadata = [
        r#"{"producerService":"order-service","traceId":"t1","orderAmount":100}"#,
        r#"{"producerService":"product-service","traceId":"t2","customerId":"c-1"}"#,
        r#"{"producerService":"payment-service","failureReason":"out of stock","itemCount":3}"#,
        r#"{"failureReason":"declined","express":true}"#,
    ];
    let types = [
        SagaType::ORDER_CREATION,
        SagaType::PAYMENT_COMPLETION,
        SagaType::new("OWN").unwrap(),
    ];
    let mut events = Vec::new();
    for saga in 0..sagas {
        let saga_type = types[random.below(100) / 34].clone();
        for number in 0..1 + random.below(events_each) {
            let saga_id = format!("saga-{saga}");
            let step = if random.below(12) == 0 {
                Step::new("UNHEARD_OF").unwrap()
            } else {
                random.pick(steps::ALL).clone()
            };
            let millis = i64::try_from(saga * 20 + random.below(9)).unwrap();
            let mut event = event(
                &saga_id,
                &format!("{saga}-{number}"),
                step,
                *random.pick(&SagaStatus::ALL),
                millis,
            );
            event.saga_type = if random.below(20) == 0 {
                random.pick(&types).clone()
            } else {
                saga_type.clone()
            };
            if random.below(20) == 0 {
                event.order_id = format!("other-order-{}", random.below(5)).parse().unwrap();
            }
            if random.below(5) > 0 {
                event = with(event, metadata[random.below(metadata.len())]);
            }
            events.push(event);
        }
    }
    events
}
