//! An enabled client for unit tests: takes everything and keeps nothing.

use std::time::Duration;

use async_trait::async_trait;

use crate::{FlushReport, Recording, SagaEvent, SagaTrackerClient, Stats, StepRecord};

pub(crate) struct Enabled;

#[async_trait]
impl SagaTrackerClient for Enabled {
    fn is_enabled(&self) -> bool {
        true
    }

    fn record_step(&self, _: StepRecord) -> Recording {
        Recording::done()
    }

    fn record_event(&self, _: SagaEvent) -> Recording {
        Recording::done()
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }

    async fn flush(&self, _: Duration) -> FlushReport {
        FlushReport::default()
    }

    async fn close(&self, _: Duration) -> FlushReport {
        FlushReport::default()
    }
}
