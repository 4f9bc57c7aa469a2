//! Looks at the accounts every two milliseconds, and at the memory every hundred.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Result, anyhow};
use saga_sdk::{BufferConfig, SagaTrackerClient, Stats};

use super::{Clock, Phase};
use crate::{
    memory,
    report::{Report, Table},
};

const PAUSE: Duration = Duration::from_millis(2);
const LOOKS_AT_MEMORY: u64 = 50;

/// librdkafka's own notes on an event, as saga-sdk documents them.
const NOTES_BYTES: u64 = 600;

/// What the rest of this process, and the allocator, may take on top.
const SLACK_MIB: f64 = 32.0;

pub(crate) struct Sampler(JoinHandle<Result<Samples>>);

/// What was seen, in each phase.
pub(crate) struct Samples {
    phases: [PhaseSamples; 3],
    wrong: usize,
    examples: Vec<String>,
    buffer: u64,
}

#[derive(Default)]
struct PhaseSamples {
    samples: u64,
    most_pending: u64,
    first_mib: Option<f64>,
    most_mib: f64,
    last_mib: f64,
}

impl Sampler {
    pub(crate) fn spawn(client: Arc<dyn SagaTrackerClient>, clock: Arc<Clock>, buffer: u64) -> Result<Self> {
        let thread = thread::Builder::new().name("sampler".to_owned());
        Ok(Self(thread.spawn(move || sample(&client, &clock, buffer))?))
    }

    pub(crate) fn join(self) -> Result<Samples> {
        self.0.join().map_err(|_| anyhow!("the sampler panicked"))?
    }
}

fn sample(client: &Arc<dyn SagaTrackerClient>, clock: &Clock, buffer: u64) -> Result<Samples> {
    let mut samples = Samples {
        phases: Default::default(),
        wrong: 0,
        examples: Vec::new(),
        buffer,
    };
    let mut previous = Stats::default();
    for look in 0.. {
        let Some(phase) = clock.phase() else { break };
        let stats = client.stats();
        samples.check(&previous, &stats);
        let seen = &mut samples.phases[phase as usize];
        seen.samples += 1;
        seen.most_pending = seen.most_pending.max(stats.pending);
        if look % LOOKS_AT_MEMORY == 0 {
            seen.memory(memory::resident_mib(std::process::id())?);
        }
        previous = stats;
        thread::sleep(PAUSE);
    }
    Ok(samples)
}

impl PhaseSamples {
    fn memory(&mut self, mib: f64) {
        self.first_mib.get_or_insert(mib);
        self.most_mib = self.most_mib.max(mib);
        self.last_mib = mib;
    }
}

impl Samples {
    /// The sum must be right, what ended must not begin again, and no more may be pending than there is room for. One more
    /// is in the caller's hands, and what is recorded while a sample is taken counts as pending in it.
    fn check(&mut self, previous: &Stats, stats: &Stats) {
        let adds_up = stats.recorded == stats.acknowledged + stats.pending + stats.dropped();
        let only_grows = stats.acknowledged >= previous.acknowledged && stats.dropped() >= previous.dropped();
        let meanwhile = stats.recorded - previous.recorded;
        let has_room = stats.pending <= self.buffer + 1 + meanwhile;
        if !(adds_up && only_grows && has_room) {
            self.wrong += 1;
            if self.examples.len() < 3 {
                self.examples.push(format!("{stats:?} after {previous:?}"));
            }
        }
    }

    fn grown_mib(&self) -> f64 {
        let before = self.phases[Phase::Before as usize].most_mib;
        self.phases
            .iter()
            .map(|phase| phase.most_mib)
            .fold(before, f64::max)
            - before
    }

    pub(crate) fn promises(&self, report: &mut Report, buffer: &BufferConfig) {
        report.promise_none(
            "recorded = acknowledged + pending + dropped at every sample, and pending fits the buffer",
            self.wrong,
            &self.examples,
        );
        let allowed = buffer.max_bytes + u64::from(buffer.max_events) * NOTES_BYTES;
        let allowed = allowed as f64 / (1024.0 * 1024.0) + SLACK_MIB;
        report.promise(
            "memory is bounded by the buffer",
            self.grown_mib() <= allowed,
            format!("grew by {:.1} MiB of at most {allowed:.1}", self.grown_mib()),
        );
    }

    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new(
            "Samples of the accounts and of the memory",
            &["", "before", "away", "after"],
        );
        let mut row = |name: &str, value: &dyn Fn(&PhaseSamples) -> serde_json::Value| {
            table.row(name, self.phases.iter().map(value));
        };
        row("samples", &|phase| phase.samples.into());
        row("most pending", &|phase| phase.most_pending.into());
        row("memory at first, MiB", &|phase| phase.first_mib.into());
        row("memory at most, MiB", &|phase| phase.most_mib.into());
        row("memory at last, MiB", &|phase| phase.last_mib.into());
        table
    }
}
