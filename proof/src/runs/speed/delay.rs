//! P7: how long it takes from an event being recorded to REST answering with it, while many others come.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;
use saga_sdk::{SagaConfig, SagaType, steps};
use tokio::{task::JoinSet, time::MissedTickBehavior};

use super::{
    Sizes,
    bench_env::{BenchEnv, Database},
};
use crate::{
    http,
    load::Load,
    memory,
    progress::Progress,
    report::{Report, Table},
    runs::rates::Targets,
    server::Harness,
};

/// How often a saga is begun whose way is followed.
const BETWEEN: Duration = Duration::from_millis(100);

/// How often REST is asked for it. It may have been visible for so long before it was seen.
const PAUSE: Duration = Duration::from_millis(10);

const WARM_UP: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn measure(
    bench_env: &mut BenchEnv,
    sizes: &Sizes,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let database = bench_env.database("saga_speed").await?;
    let mut server = database.harness.serve()?;
    server.wait_until_ready(&database.harness).await?;
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(&bench_env.parts.bootstrap_servers)
        .service_name("order-service")
        .topic(Harness::TOPIC);
    let tracker = saga_sdk::connect(&config)?;
    let client = http::client();
    // A client connects when it has something to say first, which is no part of what each event takes.
    let first = tracker
        .order("ORD-1")
        .saga(SagaType::ORDER_CREATION, "delay-first");
    first.start(steps::ORDER_CREATED).record().await?;

    let rate = sizes.rate_of_delay;
    let seconds = sizes.seconds + WARM_UP.as_secs() + 2;
    let plan = bench_env.plan(usize::try_from(u64::from(rate) * seconds)?, sizes);
    let load = bench_env.load(&plan, rate)?;
    let begun = Instant::now();
    tokio::time::sleep(WARM_UP).await;
    let before = Taken::now(&database, server.id()?, &load).await?;

    let mut ways = JoinSet::new();
    let mut ticks = tokio::time::interval(BETWEEN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + Duration::from_secs(sizes.seconds);
    while Instant::now() < end {
        ticks.tick().await;
        let (tracker, client) = (tracker.clone(), client.clone());
        let saga_id = format!("delay-{}-{}", std::process::id(), ways.len());
        let question = format!("{}/api/v1/sagas/{saga_id}", server.url);
        ways.spawn(async move {
            let recorded = Instant::now();
            let saga = tracker.order("ORD-1").saga(SagaType::ORDER_CREATION, &saga_id);
            saga.start(steps::ORDER_CREATED).record().await?;
            seen(&client, &question, recorded).await
        });
        progress.update(format!("P7: {} sagas followed", ways.len()));
    }
    let sent = load.sent() as f64 / begun.elapsed().as_secs_f64();
    let costs = Taken::now(&database, server.id()?, &load).await?.since(&before);
    let mut millis = Histogram::<u64>::new(3)?;
    while let Some(way) = ways.join_next().await {
        millis.record(u64::try_from(way??.as_millis())?)?;
    }
    let unsent = tracker.close(TIMEOUT).await.left;
    ensure!(unsent == 0, "{unsent} events were not sent");
    bench_env.work_off(load, progress).await?;
    server.end().await?;

    let mut table = Table::new(
        &format!("P7: from recorded to visible, at {sent:.0} events/s"),
        &["sagas followed", "p50, ms", "p99, ms", "most, ms"],
    );
    let values = [
        millis.value_at_quantile(0.5),
        millis.value_at_quantile(0.99),
        millis.max(),
    ];
    table.row(&millis.len().to_string(), values.map(Into::into));
    report.table(table);
    report.table(costs);
    let mut targets = Targets::new("P7: delay");
    targets.at_most("p99, ms", millis.value_at_quantile(0.99) as f64, 100.0);
    report.table(targets.finish());
    Ok(())
}

/// Events so far, and the processor time for them.
struct Taken {
    events: usize,
    server: Duration,
    database: Duration,
}

impl Taken {
    async fn now(database: &Database, server: u32, load: &Load) -> Result<Self> {
        Ok(Self {
            events: load.sent(),
            server: memory::processor_time(server, None).unwrap_or_default(),
            database: database.processor_time("saga-server").await?.unwrap_or_default(),
        })
    }

    /// What an event costs a collector without lag: in batches as small as they are then.
    fn since(&self, before: &Self) -> Table {
        let events = (self.events - before.events) as f64;
        let of_each =
            |taken: Duration, before: Duration| taken.saturating_sub(before).as_secs_f64() * 1e6 / events;
        let mut table = Table::of_figures("P7: processor time for each event, µs");
        table.figure("saga-server", of_each(self.server, before.server));
        table.figure(
            "its sessions in PostgreSQL",
            of_each(self.database, before.database),
        );
        table
    }
}

/// How long after the recording the saga is there.
async fn seen(client: &reqwest::Client, question: &str, recorded: Instant) -> Result<Duration> {
    loop {
        let answer = client
            .get(question)
            .send()
            .await
            .context("REST does not answer")?;
        if answer.status().is_success() {
            return Ok(recorded.elapsed());
        }
        if recorded.elapsed() > TIMEOUT {
            bail!("{question} is not visible after {TIMEOUT:?}: {}", answer.status());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
