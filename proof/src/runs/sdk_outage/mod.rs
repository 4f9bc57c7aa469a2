//! A service records through saga-sdk, and Kafka becomes unavailable.
//!
//! Three threads matter: the caller records at a steady pace and times each call, the sampler looks at the accounts and at
//! the memory, and this one stops and starts Kafka.

mod audit;
mod caller;
mod sampler;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use saga_sdk::{DropReason, SagaConfig, SagaTrackerClient, Stats};

use self::{caller::Caller, sampler::Sampler};
use crate::{
    parts::{Part, Parts},
    progress::Progress,
    report::{Report, Table},
};

const TOPIC: &str = "sdk-outage";
const SERVICE: &str = "order-service";

/// How long Kafka's return may take to be noticed, and what was kept to be delivered.
const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// For how many seconds Kafka is unavailable
    #[arg(long, default_value_t = 60)]
    away: u64,
    /// For how many seconds events are recorded before, and after
    #[arg(long, default_value_t = 10)]
    around: u64,
    /// How many events are recorded in a second
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// The short form: 5 seconds away at 2,000 events a second, and a buffer that this fills
    #[arg(long)]
    short: bool,
}

/// What Kafka is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Before,
    Away,
    After,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Before, Self::Away, Self::After];
}

/// The phase, and the end of the run, as its threads see it.
#[derive(Debug, Default)]
struct Clock(AtomicU8);

impl Clock {
    const OVER: u8 = 3;

    fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }

    fn end(&self) {
        self.0.store(Self::OVER, Ordering::Release);
    }

    fn phase(&self) -> Option<Phase> {
        Phase::ALL
            .get(usize::from(self.0.load(Ordering::Acquire)))
            .copied()
    }
}

/// The sizes of the run.
struct Sizes {
    away: Duration,
    around: Duration,
    rate: u32,
    buffer: u32,
}

impl Sizes {
    fn of(args: &Args) -> Self {
        let default_buffer = SagaConfig::default().buffer.max_events;
        if args.short {
            return Self {
                away: Duration::from_secs(5),
                around: Duration::from_secs(2),
                rate: 2_000,
                buffer: 5_000,
            };
        }
        Self {
            away: Duration::from_secs(args.away),
            around: Duration::from_secs(args.around),
            rate: args.rate,
            buffer: default_buffer,
        }
    }
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let sizes = Sizes::of(args);
    let mut report = Report::new("sdk-outage");
    progress.show("starting Kafka");
    let parts = Parts::kafka().await?;
    parts.create_topics(&[TOPIC]).await?;
    let mut config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(&parts.bootstrap_servers)
        .service_name(SERVICE)
        .topic(TOPIC);
    config.buffer.max_events = sizes.buffer;
    let client = saga_sdk::connect(&config)?;

    let clock = Arc::new(Clock::default());
    let caller = Caller::spawn(Arc::clone(&client), Arc::clone(&clock), sizes.rate)?;
    let sampler = Sampler::spawn(Arc::clone(&client), Arc::clone(&clock), u64::from(sizes.buffer))?;
    let drained_after = outage(&parts, &client, &clock, &sizes, progress).await;
    clock.end();
    let (calls, samples) = (caller.join()?, sampler.join()?);
    let drained_after = drained_after?;
    let left = client.close(TIMEOUT).await.left;
    let stats = client.stats();

    report.table(calls.table());
    report.table(samples.table());
    report.table(accounts(&stats, sizes.rate));
    progress.show("reading the topic");
    let found = tokio::task::block_in_place(|| audit::topic(&parts, calls.recorded()))?;
    report.promise(
        "no call waits for Kafka",
        calls.waited == 0 && calls.is_as_quick_while_away(),
        calls.summary(),
    );
    samples.promises(&mut report, &config.buffer);
    report.promise(
        "what was kept is delivered when Kafka is back",
        left == 0 && stats.pending == 0,
        match drained_after {
            Some(time) => format!("the buffer was drained {:.1} s after", time.as_secs_f64()),
            None => format!("{left} events were left"),
        },
    );
    report.promise(
        "events are dropped for one reason only: the buffer is full",
        stats.dropped() == stats.dropped_for(DropReason::QueueFull),
        format!(
            "{} dropped, {} of them for that reason",
            stats.dropped(),
            stats.dropped_for(DropReason::QueueFull)
        ),
    );
    found.promises(&mut report, &stats);
    Ok(report)
}

/// Gives how long the buffer took to drain after Kafka's return; none when it did not.
async fn outage(
    parts: &Parts,
    client: &Arc<dyn SagaTrackerClient>,
    clock: &Clock,
    sizes: &Sizes,
    progress: &Progress,
) -> Result<Option<Duration>> {
    progress.show(format!("recording {} events a second", sizes.rate));
    watch(client, sizes.around, progress).await;
    clock.set(Phase::Away);
    parts.stop(Part::Kafka).await?;
    progress.show("Kafka is unavailable");
    watch(client, sizes.away, progress).await;
    parts.start(Part::Kafka).await?;
    clock.set(Phase::After);
    progress.show("Kafka is back");
    let back = Instant::now();
    // The caller goes on, so that something is always pending; a second's worth is no backlog.
    let backlog = u64::from(sizes.rate.min(sizes.buffer / 2));
    while client.stats().pending > backlog {
        if back.elapsed() > TIMEOUT {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let drained_after = back.elapsed();
    watch(client, sizes.around, progress).await;
    Ok(Some(drained_after))
}

async fn watch(client: &Arc<dyn SagaTrackerClient>, duration: Duration, progress: &Progress) {
    let end = Instant::now() + duration;
    while Instant::now() < end {
        let stats = client.stats();
        progress.update(format!(
            "{} recorded = {} acknowledged + {} pending + {} dropped",
            stats.recorded,
            stats.acknowledged,
            stats.pending,
            stats.dropped()
        ));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn accounts(stats: &Stats, rate: u32) -> Table {
    let mut table = Table::of_figures("Accounts at the end");
    table.figure("events a second, wanted", rate);
    table.figure("recorded", stats.recorded);
    table.figure("acknowledged", stats.acknowledged);
    table.figure("pending", stats.pending);
    for reason in DropReason::ALL {
        table.figure(&format!("dropped: {reason}"), stats.dropped_for(reason));
    }
    table
}
