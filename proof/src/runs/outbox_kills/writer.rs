//! A service with the outbox: its events go into its own transactions.

use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Result;
use fastrand::Rng;
use saga_sdk::{Saga, SagaStatus, StepBuilder, outbox::Outbox};
use saga_types::{SagaEvent, keys};

use super::{SERVICE, Shared};

/// How many sagas a writer has in hand at a time.
const SAGAS_IN_HAND: usize = 20;

/// How many of a hundred transactions are rolled back, and how many stay open longer.
const ROLLED_BACK: u32 = 10;
const LATE: u32 = 2;
const HOW_LATE: Duration = Duration::from_millis(300);

/// Writes the sagas that are its own, each in order.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    outbox: Outbox,
    rng: Rng,
    next_saga: usize,
    writers: usize,
    in_hand: Vec<Begun>,
    rolled_back: Vec<String>,
}

/// A saga with events still to be written.
struct Begun {
    saga: Saga,
    events: Vec<SagaEvent>,
    written: usize,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, index: usize, writers: usize, seed: u64) -> Self {
        Self {
            shared,
            outbox: Outbox::new(SERVICE),
            rng: Rng::with_seed(seed ^ (index as u64 + 1) << 32),
            next_saga: index,
            writers,
            in_hand: Vec::new(),
            rolled_back: Vec::new(),
        }
    }

    /// Writes so many events a second until none is left; gives the ids of those that were rolled back.
    pub(crate) async fn run(mut self, rate: f64) -> Result<Vec<String>> {
        let begun = Instant::now();
        let mut written = 0;
        while self.take_sagas()? {
            let saga = self.rng.usize(..self.in_hand.len());
            if self.rng.u32(..100) < ROLLED_BACK {
                self.roll_back(saga).await?;
            }
            written += self.commit(saga).await?;
            let due = begun + Duration::from_secs_f64(written as f64 / rate);
            tokio::time::sleep_until(due.into()).await;
        }
        Ok(self.rolled_back)
    }

    /// Whether there is something to write.
    fn take_sagas(&mut self) -> Result<bool> {
        self.in_hand.retain(|saga| saga.written < saga.events.len());
        while self.in_hand.len() < SAGAS_IN_HAND && self.next_saga < self.shared.plan.sagas() {
            let events = self.shared.plan.saga(self.next_saga)?;
            let first = &events[0];
            let client = &self.shared.client;
            self.in_hand.push(Begun {
                saga: client
                    .order(&first.order_id)
                    .saga(first.saga_type.clone(), &first.saga_id),
                events,
                written: 0,
            });
            self.next_saga += self.writers;
        }
        Ok(!self.in_hand.is_empty())
    }

    fn next_events(&mut self, saga: usize) -> Range<usize> {
        let Begun { events, written, .. } = &self.in_hand[saga];
        *written..events.len().min(written + self.rng.usize(1..=3))
    }

    async fn commit(&mut self, saga: usize) -> Result<usize> {
        let range = self.next_events(saga);
        let is_late = self.rng.u32(..100) < LATE;
        let begun = &mut self.in_hand[saga];
        let mut transaction = self.shared.pool.begin().await?;
        for event in &begun.events[range.clone()] {
            let step = step(&begun.saga, event).event_id(event.event_id.as_str());
            self.outbox.record(&mut *transaction, step).await?;
        }
        if is_late {
            tokio::time::sleep(HOW_LATE).await;
        }
        transaction.commit().await?;
        begun.written = range.end;
        self.shared.committed.fetch_add(range.len(), Ordering::Relaxed);
        Ok(range.len())
    }

    /// The business change fails after its events were written: they must never be seen.
    async fn roll_back(&mut self, saga: usize) -> Result<()> {
        let range = self.next_events(saga);
        let begun = &self.in_hand[saga];
        let mut transaction = self.shared.pool.begin().await?;
        for event in &begun.events[range] {
            let id = uuid::Uuid::now_v7().to_string();
            let step = step(&begun.saga, event).event_id(&id);
            self.outbox.record(&mut *transaction, step).await?;
            self.rolled_back.push(id);
        }
        Ok(transaction.rollback().await?)
    }
}

/// The step as a service would record it; only the time at which the event is built is left open.
fn step<'a>(saga: &'a Saga, event: &SagaEvent) -> StepBuilder<'a> {
    let metadata = event.metadata.as_ref().map(saga_types::Metadata::to_object);
    let metadata = metadata.unwrap_or_default();
    let step = &event.step;
    let builder = match event.status {
        SagaStatus::Started => saga.start(step),
        SagaStatus::InProgress => saga.progress(step),
        SagaStatus::Completed => saga.complete(step),
        SagaStatus::Compensated => saga.compensated(step),
        SagaStatus::Failed => saga.failed(step, metadata[keys::FAILURE_REASON].as_str().unwrap_or_default()),
    };
    metadata
        .iter()
        .fold(builder, |builder, (key, value)| builder.with(key, value))
        .at(event.recorded_at)
}
