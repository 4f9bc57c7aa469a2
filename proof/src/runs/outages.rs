//! The database is stopped, and the broker restarted before it is back, under one saga-server that goes on running.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::common::{Field, FieldArgs};
use crate::{
    audit,
    load::{Disorder, Load},
    parts::Part,
    progress::Progress,
    readiness::Readiness,
    report::{Report, Table},
    server::Server,
};

/// How long the server may take to say that it is ready again.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    field: FieldArgs,
    /// How many events are sent
    #[arg(long, default_value_t = 50_000)]
    events: usize,
    /// How many events are sent in a second
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// For how many seconds the database is stopped
    #[arg(long, default_value_t = 30)]
    away: u64,
    /// The short form: 5,000 events, 6 seconds
    #[arg(long)]
    short: bool,
}

/// What the outage was like.
struct Observed {
    database_away: Duration,
    broker_away: Duration,
    was_ready_without_database: bool,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let (events, rate, away) = if args.short {
        (5_000, 500, 6)
    } else {
        (args.events, args.rate, args.away)
    };
    let mut report = Report::new("outages");
    let field = Field::prepare(&args.field, events, progress).await?;
    let mut server = field.harness.serve()?;
    server.wait_until_ready(&field.harness).await?;
    let readiness = Readiness::of(&server.url);

    progress.show(format!("sending {events} events, {rate} a second"));
    let load = field.load(Disorder::default(), rate)?;
    let observed = outage(
        &field,
        &load,
        events / 10,
        Duration::from_secs(away),
        &readiness,
        progress,
    )
    .await?;
    field.sent(load, progress).await?;
    let began = Instant::now();
    let left = field.worked_off(progress).await?;
    let worked_off = began.elapsed();
    until_ready(&readiness).await;

    let mut table = Table::of_figures("Outages");
    table.figure("database away, s", observed.database_away.as_secs_f64());
    table.figure("broker away meanwhile, s", observed.broker_away.as_secs_f64());
    table.figure(
        "from the last event sent to all worked off, s",
        worked_off.as_secs_f64(),
    );
    table.figure("readiness was asked", readiness.samples());
    table.figure("answers", answers(&readiness.changes()));
    report.table(table);
    promises(&mut report, &mut server, &observed, &readiness, left)?;
    audit::everything(
        &field.parts,
        &field.plan,
        &field.accounting,
        &server.url,
        &mut report,
        progress,
    )
    .await?;
    Ok(report)
}

fn promises(
    report: &mut Report,
    server: &mut Server,
    observed: &Observed,
    readiness: &Readiness,
    left: i64,
) -> Result<()> {
    let changes = readiness.changes();
    report.promise(
        "everything is worked off",
        left == 0,
        format!("{left} records left"),
    );
    report.promise(
        "readiness goes down with the database, and comes back",
        changes.first() == Some(&true)
            && changes.last() == Some(&true)
            && changes.contains(&false)
            && !observed.was_ready_without_database,
        answers(&changes),
    );
    let has_ended = server.has_ended()?;
    report.promise(
        "the server goes on running",
        !has_ended,
        if has_ended { "it ended" } else { "it runs" },
    );
    Ok(())
}

async fn outage(
    field: &Field,
    load: &Load,
    from: usize,
    away: Duration,
    readiness: &Readiness,
    progress: &Progress,
) -> Result<Observed> {
    while load.sent() < from && !load.has_ended() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure!(
        !load.has_ended(),
        "everything was sent before the outage: send more events, or more slowly"
    );
    let database_stopped = Instant::now();
    field.parts.stop(Part::Postgres).await?;
    progress.show("PostgreSQL is unavailable");
    let back = Instant::now() + away;
    tokio::time::sleep(away / 3).await;
    let broker_stopped = Instant::now();
    field.parts.stop(Part::Kafka).await?;
    progress.show("Kafka is unavailable, too");
    field.parts.start(Part::Kafka).await?;
    let broker_away = broker_stopped.elapsed();
    progress.show("Kafka is back");
    tokio::time::sleep_until(back.into()).await;
    let was_ready_without_database = readiness.is_ready();
    field.parts.start(Part::Postgres).await?;
    progress.show("PostgreSQL is back");
    Ok(Observed {
        database_away: database_stopped.elapsed(),
        broker_away,
        was_ready_without_database,
    })
}

async fn until_ready(readiness: &Readiness) {
    let deadline = Instant::now() + TIMEOUT;
    while !readiness.is_ready() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn answers(changes: &[bool]) -> String {
    let words = changes
        .iter()
        .map(|is_ready| if *is_ready { "ready" } else { "not ready" });
    words.collect::<Vec<_>>().join(", ")
}
