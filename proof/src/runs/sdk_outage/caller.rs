//! The service: records at a steady pace, and times each call.

use std::{
    future::Future as _,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
use saga_sdk::{SagaTrackerClient, SagaType, steps};

use super::{Clock, Phase};
use crate::report::Table;

/// What is far more than a call takes, however busy the machine, and far less than waiting for Kafka.
const FAR_TOO_LONG: Duration = Duration::from_millis(10);

/// How often the caller works off what is due.
const TICK: Duration = Duration::from_millis(1);

/// A thread that records until the run is over.
pub(crate) struct Caller(JoinHandle<Result<Calls>>);

/// What the caller saw, in each phase.
pub(crate) struct Calls {
    phases: [PhaseCalls; 3],
    /// Calls that were not ready when they returned.
    pub(crate) waited: u64,
}

struct PhaseCalls {
    nanos: Histogram<u64>,
    time: Duration,
}

impl Caller {
    pub(crate) fn spawn(client: Arc<dyn SagaTrackerClient>, clock: Arc<Clock>, rate: u32) -> Result<Self> {
        let thread = thread::Builder::new().name("caller".to_owned());
        Ok(Self(thread.spawn(move || record(&client, &clock, rate))?))
    }

    pub(crate) fn join(self) -> Result<Calls> {
        self.0.join().map_err(|_| anyhow!("the caller panicked"))?
    }
}

fn record(client: &Arc<dyn SagaTrackerClient>, clock: &Clock, rate: u32) -> Result<Calls> {
    let mut calls = Calls::new()?;
    let begun = Instant::now();
    let mut number = 0_u64;
    let mut phase_begun = (Phase::Before, begun);
    while let Some(phase) = clock.phase() {
        if phase != phase_begun.0 {
            calls.phases[phase_begun.0 as usize].time = phase_begun.1.elapsed();
            phase_begun = (phase, Instant::now());
        }
        let due = begun.elapsed().as_micros() * u128::from(rate) / 1_000_000;
        while u128::from(number) < due {
            calls.time(phase, || step(client, number));
            number += 1;
        }
        thread::sleep(TICK);
    }
    calls.phases[phase_begun.0 as usize].time = phase_begun.1.elapsed();
    Ok(calls)
}

/// The call as a service writes it; whether it was ready at once.
fn step(client: &Arc<dyn SagaTrackerClient>, number: u64) -> bool {
    let saga = client
        .order(order_id(number))
        .saga(SagaType::ORDER_CREATION, saga_id(number));
    let recording = saga
        .progress(steps::STOCK_RESERVATION)
        .with("number", number)
        .with("customerId", "C-17")
        .record();
    let mut context = Context::from_waker(Waker::noop());
    matches!(pin!(recording).poll(&mut context), Poll::Ready(Ok(())))
}

/// Nine steps a saga.
pub(crate) fn saga_id(number: u64) -> String {
    format!("saga-{:09}", number / 9)
}

pub(crate) fn order_id(number: u64) -> String {
    format!("ORD-{:09}", number / 9)
}

impl Calls {
    fn new() -> Result<Self> {
        // Up to a minute, to three digits.
        let phase = || -> Result<PhaseCalls> {
            Ok(PhaseCalls {
                nanos: Histogram::new_with_bounds(1, 60_000_000_000, 3)?,
                time: Duration::ZERO,
            })
        };
        Ok(Self {
            phases: [phase()?, phase()?, phase()?],
            waited: 0,
        })
    }

    fn time(&mut self, phase: Phase, call: impl FnOnce() -> bool) {
        let begun = Instant::now();
        let is_ready = call();
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.phases[phase as usize].nanos.saturating_record(nanos);
        self.waited += u64::from(!is_ready);
    }

    fn of(&self, phase: Phase) -> &PhaseCalls {
        &self.phases[phase as usize]
    }

    /// How many events were recorded.
    pub(crate) fn recorded(&self) -> u64 {
        self.phases.iter().map(|phase| phase.nanos.len()).sum()
    }

    /// A quantile over the calls, so a machine that is busy elsewhere does not spoil it: it holds up few calls for
    /// long, while a caller that waits for Kafka is held up with each.
    pub(crate) fn is_as_quick_while_away(&self) -> bool {
        self.of(Phase::Away).micros(0.99) < FAR_TOO_LONG.as_secs_f64() * 1e6
    }

    pub(crate) fn summary(&self) -> String {
        let [before, away] = [Phase::Before, Phase::Away].map(|phase| self.of(phase).micros(0.99));
        format!(
            "p99 {before:.1} µs before, {away:.1} µs while Kafka was unavailable; {} calls not ready at once",
            self.waited
        )
    }

    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new("Record call", &["", "before", "away", "after"]);
        let mut row = |name: &str, value: &dyn Fn(&PhaseCalls) -> serde_json::Value| {
            table.row(name, self.phases.iter().map(value));
        };
        row("calls", &|phase| phase.nanos.len().into());
        row("calls a second", &|phase| {
            (phase.nanos.len() as f64 / phase.time.as_secs_f64()).into()
        });
        row("mean, µs", &|phase| (phase.nanos.mean() / 1e3).into());
        for (name, quantile) in [
            ("p50, µs", 0.5),
            ("p99, µs", 0.99),
            ("p99.9, µs", 0.999),
            ("max, µs", 1.0),
        ] {
            row(name, &|phase| phase.micros(quantile).into());
        }
        table
    }
}

impl PhaseCalls {
    fn micros(&self, quantile: f64) -> f64 {
        self.nanos.value_at_quantile(quantile) as f64 / 1e3
    }
}
