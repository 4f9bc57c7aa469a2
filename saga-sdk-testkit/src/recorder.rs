//! A client that keeps events in memory.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use saga_sdk::{DropReason, FlushReport, RecordError, Recording, SagaTrackerClient, Stats, StepRecord};
use saga_types::{SagaEvent, definition::Definitions, fold::SagaState};
use tokio::{sync::Notify, time};

use crate::{Expected, Recorded, SagaAssert, faults::Faults};

/// Keeps every event in memory. Clones share what was recorded, so a test keeps one and passes the other on.
///
/// Input is checked and events are stamped as by the real clients.
///
/// ```
/// use saga_sdk::{SagaType, steps};
/// use saga_sdk_testkit::{Recorder, expect};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let recorder = Recorder::new("order-service");
/// let saga = recorder.client().order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
/// saga.start(steps::ORDER_CREATED).record().await?;
///
/// recorder.fail_nth(1); // as when the broker refuses
/// assert!(saga.complete(steps::ORDER_CONFIRMED).record().await.is_err());
/// recorder.assert_saga("saga-1").recorded(expect::started(steps::ORDER_CREATED)).nothing_else();
/// # Ok::<(), saga_sdk::RecordError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    service: String,
    definitions: Definitions,
    state: Mutex<State>,
    recorded: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<SagaEvent>,
    faults: Faults,
    failed: u64,
    refused: u64,
    is_closed: bool,
}

impl Recorder {
    /// A recorder for a service, with the built-in definitions.
    #[must_use]
    pub fn new(service: &str) -> Self {
        Self::with_definitions(service, Definitions::built_in())
    }

    /// A recorder that folds with other definitions.
    #[must_use]
    pub fn with_definitions(service: &str, definitions: Definitions) -> Self {
        let service = service.to_owned();
        Self {
            shared: Arc::new(Shared {
                service,
                definitions,
                state: Mutex::default(),
                recorded: Notify::new(),
            }),
        }
    }

    /// What the code under test gets.
    #[must_use]
    pub fn client(&self) -> Arc<dyn SagaTrackerClient> {
        Arc::new(self.clone())
    }

    /// What was recorded so far.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        Recorded::new(self.state().events.clone(), self.shared.definitions.clone())
    }

    /// All events so far, in the order of recording.
    #[must_use]
    pub fn events(&self) -> Vec<SagaEvent> {
        self.state().events.clone()
    }

    /// The state of a saga; see [`Recorded::state_of`].
    ///
    /// # Panics
    ///
    /// When nothing was recorded for the saga.
    #[must_use]
    #[track_caller]
    pub fn state_of(&self, saga_id: &str) -> SagaState {
        self.recorded().state_of(saga_id)
    }

    /// Assertions about one saga.
    #[must_use]
    pub fn assert_saga<'a>(&self, saga_id: &'a str) -> SagaAssert<'a> {
        SagaAssert::new(&self.recorded(), saga_id)
    }

    /// Asserts that nothing was recorded at all.
    ///
    /// # Panics
    ///
    /// When something was; shows it.
    #[track_caller]
    pub fn assert_nothing(&self) {
        self.recorded().assert_nothing();
    }

    /// Waits until the saga has such an event, and returns it.
    ///
    /// # Panics
    ///
    /// When there is none within the time, with the same message as [`SagaAssert::recorded`].
    pub async fn eventually(&self, saga_id: &str, expected: Expected, within: Duration) -> SagaEvent {
        let deadline = time::Instant::now() + within.min(crate::LONGEST_WAIT);
        loop {
            let changed = self.shared.recorded.notified();
            let problem = match self.recorded().find(saga_id, &expected) {
                Ok(event) => return event,
                Err(problem) => problem,
            };
            let in_time = time::timeout_at(deadline, changed).await.is_ok();
            assert!(in_time, "not within {within:?}: {problem}");
        }
    }

    /// Asserts that the saga has no such event, now and for so long; for what would happen in another task.
    ///
    /// # Panics
    ///
    /// As soon as there is one; shows the timeline.
    pub async fn never_within(&self, saga_id: &str, expected: Expected, within: Duration) {
        let deadline = time::Instant::now() + within.min(crate::LONGEST_WAIT);
        let mut is_over = false;
        while !is_over {
            let changed = self.shared.recorded.notified();
            self.assert_saga(saga_id).never_recorded(expected.clone());
            is_over = time::timeout_at(deadline, changed).await.is_err();
        }
        self.assert_saga(saga_id).never_recorded(expected);
    }

    /// Forgets what was recorded; faults stay.
    pub fn clear(&self) {
        self.state().events.clear();
    }

    /// Makes the n-th call from now fail; 1 is the next one.
    pub fn fail_nth(&self, call: u64) {
        self.state().faults.fail_nth(call);
    }

    /// Makes every call fail, or none any more.
    pub fn reject_all(&self, rejects: bool) {
        self.state().faults.reject_all(rejects);
    }

    /// Makes every call take so long, as a slow broker in synchronous mode. Needs a Tokio runtime.
    pub fn delay(&self, delay: Duration) {
        self.state().faults.delay = delay;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A failed assertion in another thread must not hide behind a poisoned lock.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, event: SagaEvent) -> Result<(), RecordError> {
        let mut state = self.state();
        if state.is_closed {
            state.refused += 1;
            return Err(RecordError::NotSent {
                reason: DropReason::Closed,
                event: Box::new(event),
            });
        }
        if state.faults.next_call_fails() {
            state.failed += 1;
            return Err(RecordError::NotSent {
                reason: DropReason::Failed,
                event: Box::new(event),
            });
        }
        state.events.push(event);
        drop(state);
        self.shared.recorded.notify_waiters();
        Ok(())
    }
}

#[async_trait]
impl SagaTrackerClient for Recorder {
    fn is_enabled(&self) -> bool {
        true
    }

    fn record_step(&self, mut record: StepRecord) -> Recording {
        let trace = record.current_trace();
        match record.into_event(&self.shared.service, trace.as_ref()) {
            Ok(event) => self.record_event(event),
            Err(error) => Recording::failed(error),
        }
    }

    fn record_event(&self, event: SagaEvent) -> Recording {
        let delay = self.state().faults.delay;
        match self.keep(event) {
            result if !delay.is_zero() => Recording::waiting(async move {
                time::sleep(delay).await;
                result
            }),
            Ok(()) => Recording::done(),
            Err(error) => Recording::failed(error),
        }
    }

    fn stats(&self) -> Stats {
        let state = self.state();
        let dropped = [
            (DropReason::Failed, state.failed),
            (DropReason::Closed, state.refused),
        ];
        Stats::new(state.events.len() as u64, 0, &dropped)
    }

    async fn flush(&self, _timeout: Duration) -> FlushReport {
        FlushReport::default()
    }

    async fn close(&self, _timeout: Duration) -> FlushReport {
        self.state().is_closed = true;
        FlushReport::default()
    }
}
