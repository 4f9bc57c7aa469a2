//! A client in place of the topic: it keeps what is published, in order, and can fail.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use saga_sdk::{
    DropReason, FlushReport, RecordError, Recording, SagaEvent, SagaTrackerClient, Stats, StepRecord,
    TraceContext,
};

#[derive(Clone, Default)]
pub(crate) struct Topic {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    events: Vec<SagaEvent>,
    traces: Vec<TraceContext>,
    calls: u64,
    /// Every so many calls one fails; zero for none.
    fails_every: u64,
    /// The prefix of the sagas whose events are refused.
    refused: Option<&'static str>,
    /// The prefix of the sagas whose events are too large.
    too_large: Option<&'static str>,
}

impl Topic {
    pub(crate) fn fail_every(&self, calls: u64) {
        self.state.lock().unwrap().fails_every = calls;
    }

    pub(crate) fn refuse(&self, sagas: Option<&'static str>) {
        self.state.lock().unwrap().refused = sagas;
    }

    pub(crate) fn set_too_large(&self, sagas: Option<&'static str>) {
        self.state.lock().unwrap().too_large = sagas;
    }

    /// How often an event was sent, published or not.
    pub(crate) fn calls(&self) -> u64 {
        self.state.lock().unwrap().calls
    }

    /// The traces that events were published with.
    pub(crate) fn traces(&self) -> Vec<TraceContext> {
        self.state.lock().unwrap().traces.clone()
    }

    /// What was published, each event at its first coming.
    pub(crate) fn first_deliveries(&self) -> Vec<SagaEvent> {
        let mut seen = std::collections::HashSet::new();
        let state = self.state.lock().unwrap();
        state
            .events
            .iter()
            .filter(|event| seen.insert(event.event_id.clone()))
            .cloned()
            .collect()
    }

    /// What was published, each event at its last coming.
    pub(crate) fn last_deliveries(&self) -> Vec<SagaEvent> {
        let mut seen = std::collections::HashSet::new();
        let state = self.state.lock().unwrap();
        let backwards = state
            .events
            .iter()
            .rev()
            .filter(|event| seen.insert(event.event_id.clone()));
        let mut events: Vec<_> = backwards.cloned().collect();
        events.reverse();
        events
    }
}

#[async_trait]
impl SagaTrackerClient for Topic {
    fn is_enabled(&self) -> bool {
        true
    }

    fn record_step(&self, _record: StepRecord) -> Recording {
        panic!("steps go to the outbox")
    }

    fn record_event(&self, event: SagaEvent) -> Recording {
        let mut state = self.state.lock().unwrap();
        state.calls += 1;
        for (sagas, reason) in [
            (state.refused, DropReason::Refused),
            (state.too_large, DropReason::TooLarge),
        ] {
            if sagas.is_some_and(|sagas| event.saga_id.as_str().starts_with(sagas)) {
                return Recording::failed(RecordError::NotSent {
                    reason,
                    event: Box::new(event),
                });
            }
        }
        if state.fails_every > 0 && state.calls.is_multiple_of(state.fails_every) {
            return Recording::failed(RecordError::NotSent {
                reason: DropReason::Failed,
                event: Box::new(event),
            });
        }
        state.events.push(event);
        Recording::waiting(async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok(())
        })
    }

    fn relay_event(&self, event: SagaEvent, trace: Option<TraceContext>) -> Recording {
        self.state.lock().unwrap().traces.extend(trace);
        self.record_event(event)
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    async fn flush(&self, _timeout: Duration) -> FlushReport {
        FlushReport::default()
    }

    async fn close(&self, _timeout: Duration) -> FlushReport {
        FlushReport::default()
    }
}
