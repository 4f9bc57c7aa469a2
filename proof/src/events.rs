//! Sagas as the services of the examples record them, made anew whenever they are asked for.
//!
//! A saga is a function of the plan and its number, so that an audit of a million events needs to keep one
//! bit for each and not the events.

use std::ops::Range;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use saga_types::{
    EventId, Metadata, OrderId, SagaEvent, SagaId,
    SagaStatus::{Failed, Started},
    SagaType, Step, Timestamp, keys, steps,
};
use uuid::{Builder, Uuid};

use crate::shapes::{Mix, Recorded};

/// So many events of sagas in the given mix, and no more: the last saga may be cut short.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    seed: u64,
    mix: Mix,
    /// When the first saga starts; the others follow, [`SAGA_DISTANCE_MS`] apart.
    begin_ms: i64,
    /// The number of each saga's first event, then the number of all events.
    starts: Vec<usize>,
}

const SAGA_DISTANCE_MS: i64 = 5;

impl Plan {
    /// Plans sagas whose last ones start now.
    pub(crate) fn new(events: usize, mix: Mix, seed: u64) -> Self {
        let mut starts = vec![0];
        let mut planned = 0;
        while planned < events {
            let saga = starts.len() - 1;
            planned = events.min(planned + mix.pick(&mut rng(seed, saga)).steps().len());
            starts.push(planned);
        }
        let span = SAGA_DISTANCE_MS * i64::try_from(starts.len()).unwrap_or_default();
        Self {
            seed,
            mix,
            begin_ms: Timestamp::now().as_millis() - span,
            starts,
        }
    }

    /// The same shapes with so many events, and other sagas.
    pub(crate) fn resized(&self, events: usize) -> Self {
        Self::new(events, self.mix.clone(), self.seed + 1)
    }

    /// What the sagas are made from.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// How many sagas there are.
    pub(crate) fn sagas(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many events there are.
    pub(crate) fn events(&self) -> usize {
        self.starts[self.sagas()]
    }

    /// The numbers of a saga's events, among all events.
    pub(crate) fn numbers(&self, saga: usize) -> Range<usize> {
        self.starts[saga]..self.starts[saga + 1]
    }

    /// All events, in the order in which they happened.
    pub(crate) fn in_order(&self) -> Result<Vec<SagaEvent>> {
        let mut events = Vec::with_capacity(self.events());
        for saga in 0..self.sagas() {
            events.extend(self.saga(saga)?);
        }
        events.sort_by_key(|event| event.recorded_at);
        Ok(events)
    }

    /// The events of a saga, in the order in which they happened.
    pub(crate) fn saga(&self, saga: usize) -> Result<Vec<SagaEvent>> {
        let mut rng = rng(self.seed, saga);
        let shape = self.mix.pick(&mut rng);
        let mut in_progress =
            SagaInProgress::begin(self.begin_ms + SAGA_DISTANCE_MS * i64::try_from(saga)?, rng)?;
        let steps = &shape.steps()[..self.numbers(saga).len()];
        steps.iter().map(|recorded| in_progress.event(recorded)).collect()
    }
}

fn rng(seed: u64, saga: usize) -> Rng {
    // Neighbouring seeds give unrelated numbers: the generator mixes its seed.
    Rng::with_seed(seed ^ (saga as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A saga whose events are made one after the other.
struct SagaInProgress {
    rng: Rng,
    now_ms: i64,
    saga_id: SagaId,
    order_id: OrderId,
    trace_id: String,
    customer: String,
    amount: u32,
}

impl SagaInProgress {
    fn begin(start_ms: i64, mut rng: Rng) -> Result<Self> {
        Ok(Self {
            now_ms: start_ms,
            saga_id: SagaId::new(uuid(start_ms, &mut rng).to_string())?,
            order_id: OrderId::new(format!("ORD-{:010}", rng.u64(..10_000_000_000)))?,
            trace_id: format!("{:032x}", rng.u128(1..)),
            customer: format!("C-{:06}", rng.u32(..1_000_000)),
            amount: rng.u32(1_000..1_000_000),
            rng,
        })
    }

    fn event(&mut self, recorded: &Recorded) -> Result<SagaEvent> {
        let (service, step, status) = recorded;
        let recorded_at = Timestamp::from_millis(self.now_ms)?;
        let event_id = uuid(self.now_ms, &mut self.rng).to_string();
        let event = SagaEvent::new(
            EventId::new(event_id)?,
            self.saga_id.clone(),
            self.order_id.clone(),
            SagaType::ORDER_CREATION,
            step.clone(),
            *status,
            recorded_at,
        );
        let metadata = self.metadata(service, recorded_at, |metadata| match *status {
            Failed => metadata.insert(keys::FAILURE_REASON, failure_reason(step)),
            Started => {
                metadata.insert(keys::ORDER_AMOUNT, &self.amount)?;
                metadata.insert(keys::PAYMENT_METHOD, self.payment_method())
            }
            _ => Ok(()),
        });
        self.now_ms += self.rng.i64(1..2_000);
        Ok(event.with_metadata(metadata.context("metadata of a planned event")?))
    }

    /// Half of all orders are paid by card.
    fn payment_method(&self) -> &'static str {
        ["CARD", "CARD", "TRANSFER", "POINTS"][self.amount as usize % 4]
    }

    fn metadata(
        &self,
        service: &str,
        recorded_at: Timestamp,
        more: impl FnOnce(&mut saga_types::MetadataBuilder) -> Result<(), saga_types::MetadataError>,
    ) -> Result<Metadata, saga_types::MetadataError> {
        let mut metadata = Metadata::builder();
        metadata.insert(keys::PRODUCER_SERVICE, service)?;
        metadata.insert(keys::PRODUCER_TIMESTAMP, &recorded_at)?;
        metadata.insert(keys::TRACE_ID, &self.trace_id)?;
        metadata.insert(keys::CUSTOMER_ID, &self.customer)?;
        more(&mut metadata)?;
        metadata.build()
    }
}

fn failure_reason(step: &Step) -> &'static str {
    if *step == steps::PAYMENT_FAILED {
        "card declined"
    } else if *step == steps::ORDER_TIMEOUT {
        "not confirmed within 600 s"
    } else if *step == steps::STOCK_RESERVATION_FAILED {
        "out of stock: lamp"
    } else {
        "cancelled by the customer"
    }
}

/// A UUIDv7, as the SDK makes them, but of this generator's numbers.
fn uuid(at_ms: i64, rng: &mut Rng) -> Uuid {
    let random = rng.u128(..).to_be_bytes();
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&random[..10]);
    Builder::from_unix_timestamp_millis(at_ms.unsigned_abs(), &bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use saga_types::{SagaStatus, definition::Definitions, fold};

    use super::*;

    #[test]
    fn a_saga_is_the_same_whenever_it_is_asked_for() {
        let plan = Plan::new(1_000, Mix::default(), 7);
        for saga in 0..plan.sagas() {
            assert_eq!(plan.saga(saga).unwrap(), plan.saga(saga).unwrap());
        }
    }

    #[test]
    fn there_are_exactly_as_many_events_as_planned_and_no_id_comes_twice() {
        let plan = Plan::new(10_001, Mix::default(), 7);
        let mut ids = HashSet::new();
        for saga in 0..plan.sagas() {
            let events = plan.saga(saga).unwrap();
            assert_eq!(events.len(), plan.numbers(saga).len());
            ids.extend(events.into_iter().map(|event| event.event_id));
        }
        assert_eq!((ids.len(), plan.events()), (10_001, 10_001));
    }

    #[test]
    fn each_shape_ends_as_the_examples_end() {
        use SagaStatus::{Compensated, Completed};
        for (mix, status) in [
            ("success=1", Completed),
            ("out-of-stock=1", Failed),
            ("payment-refused=1", Compensated),
            ("timeout=1", Compensated),
            ("cancelled=1", Compensated),
        ] {
            let plan = Plan::new(12, mix.parse().unwrap(), 7);
            let events = plan.saga(0).unwrap();
            let state = fold::fold(&events, &Definitions::built_in()).unwrap();
            assert_eq!(state.current_status, status, "{mix}");
            assert_eq!(state.anomalies, [], "{mix}");
        }
    }
}
