//! Writers commit and roll back events in their own transactions, while relays are killed.

mod audit;
mod relay;
mod writer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use saga_sdk::{
    SagaConfig, SagaTrackerClient,
    outbox::{self, Backlog, OutboxPool as _},
};
use sqlx::PgPool;
use tokio::task::JoinSet;

pub(crate) use self::relay::RelayArgs;
use self::{relay::Relays, writer::Writer};
use crate::{
    events::Plan,
    parts::Parts,
    progress::Progress,
    report::{Report, Table},
    shapes::Mix,
};

const TOPIC: &str = "outbox-kills";
const SERVICE: &str = "order-service";

/// How long the relays may take for what is left when nobody kills them any more.
const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// For how many seconds events are written
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// How many events are committed in a second
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// How many writers there are, each with a connection of its own
    #[arg(long, default_value_t = 8)]
    writers: usize,
    /// How many relay processes run at a time
    #[arg(long, default_value_t = 3)]
    relays: usize,
    /// The shapes of the sagas and their weights
    #[arg(long, default_value_t = Mix::default())]
    mix: Mix,
    /// What the sagas and the damage are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The short form: 10 seconds, 300 events a second
    #[arg(long)]
    short: bool,
}

/// What the writers share.
struct Shared {
    plan: Plan,
    pool: PgPool,
    client: Arc<dyn SagaTrackerClient>,
    committed: AtomicUsize,
}

/// The largest backlog that was seen.
#[derive(Default)]
struct Worst {
    pending: u64,
    oldest_age: Duration,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let (seconds, rate) = if args.short {
        (10, 300)
    } else {
        (args.seconds, args.rate)
    };
    let mut report = Report::new("outbox-kills");
    progress.show("starting Kafka and PostgreSQL");
    let parts = Parts::kafka_and_postgres().await?;
    parts.create_topics(&[TOPIC]).await?;
    let pool = parts.database().await?;
    outbox::migrate(&pool).await?;
    let shared = Arc::new(Shared {
        plan: Plan::new((seconds * rate) as usize, args.mix.clone(), args.seed),
        pool,
        // Only stands for an enabled tracker: what is recorded goes to the outbox.
        client: saga_sdk::connect(&config(&parts.bootstrap_servers, TOPIC))?,
        committed: AtomicUsize::new(0),
    });

    let mut relays = Relays::spawn(&parts, args.relays, args.seed)?;
    let mut worst = Worst::default();
    progress.show(format!("{} writers, {} relays", args.writers, args.relays));
    let rolled_back = write(&shared, args, rate, &mut relays, &mut worst, progress).await?;
    progress.show("all is written, and nobody kills relays any more");
    drain(&shared.pool, &mut worst, progress).await?;
    let kills = relays.kills();
    drop(relays);
    let _ = shared.client.close(Duration::ZERO).await;

    progress.show("reading the topic");
    let found = tokio::task::block_in_place(|| audit::topic(&parts, &shared.plan, &rolled_back))?;
    let mut table = Table::of_figures("Outbox");
    table.figure("events committed", shared.committed.load(Ordering::Relaxed));
    table.figure("events rolled back", rolled_back.len());
    table.figure("relays killed", kills);
    found.figures(&mut table);
    table.figure("most events waiting", worst.pending);
    table.figure("oldest waiting event, s", worst.oldest_age.as_secs_f64());
    report.table(table);
    found.promises(&mut report);
    report.promise(
        "relays were killed while they worked",
        kills > 0,
        format!("{kills} kills"),
    );
    Ok(report)
}

fn config(bootstrap_servers: &str, topic: &str) -> SagaConfig {
    SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(bootstrap_servers)
        .service_name(SERVICE)
        .topic(topic)
}

/// Runs the writers to their end, and kills relays meanwhile. Gives the ids of what was rolled back.
async fn write(
    shared: &Arc<Shared>,
    args: &Args,
    rate: u32,
    relays: &mut Relays,
    worst: &mut Worst,
    progress: &Progress,
) -> Result<Vec<String>> {
    let mut writers = JoinSet::new();
    for index in 0..args.writers {
        let writer = Writer::new(Arc::clone(shared), index, args.writers, args.seed);
        writers.spawn(writer.run(f64::from(rate) / args.writers as f64));
    }
    let writing = async {
        let mut rolled_back = Vec::new();
        while let Some(ended) = writers.join_next().await {
            rolled_back.extend(ended??);
        }
        Ok(rolled_back)
    };
    tokio::select! {
        written = writing => written,
        killed = relays.kill_at_random() => killed.map(|never| match never {}),
        watched = watch(shared, worst, progress) => watched.map(|never| match never {}),
    }
}

async fn watch(shared: &Shared, worst: &mut Worst, progress: &Progress) -> Result<std::convert::Infallible> {
    loop {
        let backlog = worst.look(&shared.pool).await?;
        progress.update(format!(
            "{} of {} events committed, {} waiting, the oldest for {:.1} s",
            shared.committed.load(Ordering::Relaxed),
            shared.plan.events(),
            backlog.pending,
            backlog.oldest_age.as_secs_f64()
        ));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn drain(pool: &PgPool, worst: &mut Worst, progress: &Progress) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let backlog = worst.look(pool).await?;
        if backlog.pending == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!(
                "{} events still wait in the outbox after {TIMEOUT:?}",
                backlog.pending
            );
        }
        progress.update(format!("{} waiting", backlog.pending));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Worst {
    async fn look(&mut self, pool: &PgPool) -> Result<Backlog> {
        let backlog = pool.backlog().await?;
        self.pending = self.pending.max(backlog.pending);
        self.oldest_age = self.oldest_age.max(backlog.oldest_age);
        Ok(backlog)
    }
}
