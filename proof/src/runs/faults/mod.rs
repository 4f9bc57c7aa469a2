//! Everything is killed again and again while events come repeated, shuffled, and with bad records among them; then every
//! acknowledged event is compared with the store and the dead letter topic.

mod damage;
mod servers;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use fastrand::Rng;
use tokio::task::JoinSet;

use self::{
    damage::{Damage, Schedule},
    servers::Servers,
};
use super::common::{Field, FieldArgs};
use crate::{
    audit,
    load::{Disorder, Load},
    parts::{Part, Parts},
    progress::Progress,
    report::{Report, Table},
};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    field: FieldArgs,
    /// How many different events are sent
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// How many events are sent in a second; a killed server is missed for 6 seconds, so the kills need time
    #[arg(long, default_value_t = 5_000)]
    rate: u32,
    /// How often a server is killed
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// How often the broker, and how often the database, is killed and started again
    #[arg(long, default_value_t = 3)]
    restarts: usize,
    /// How many of a hundred events come twice
    #[arg(long, default_value_t = 5.0)]
    repeated: f64,
    /// How many of a hundred events are followed by a bad record
    #[arg(long, default_value_t = 1.0)]
    poisoned: f64,
    /// The short form: 50,000 events, 3 kills, one restart of each part
    #[arg(long)]
    short: bool,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let mut args = args.clone();
    if args.short {
        (args.events, args.rate, args.kills, args.restarts) = (50_000, 4_000, 3, 1);
    }
    let mut report = Report::new("faults");
    let field = Field::prepare(&args.field, args.events, progress).await?;
    let mut servers = Servers::start(field.harness.clone(), args.field.seed).await?;
    let disorder = Disorder {
        repeated: args.repeated,
        poisoned: args.poisoned,
        ..Disorder::default()
    };
    progress.show(format!("sending {} events, {} a second", args.events, args.rate));
    let began = Instant::now();
    let load = field.load(disorder, args.rate)?;
    let work = args.events as f64 * (1.0 + (args.repeated + args.poisoned) / 100.0);
    do_damage(&field, &args, &mut servers, &load, work, progress).await?;
    let left = wait(&field, &mut servers, load, progress).await?;
    let worked_off = began.elapsed();

    let mut table = Table::of_figures("Faults");
    table.figure(
        "from the first event sent to all worked off, s",
        worked_off.as_secs_f64(),
    );
    table.figure("servers killed", servers.kills);
    table.figure("servers that ended by themselves", servers.ended);
    table.figure("restarts of the database", args.restarts);
    table.figure("restarts of the broker", args.restarts);
    report.table(table);
    report.promise(
        "everything is worked off",
        left == 0,
        format!("{left} records left"),
    );
    report.promise_none(
        "no server panics",
        servers.panics(),
        &[field.harness.last_words()],
    );
    let url = servers.ready_url().await?;
    audit::everything(
        &field.parts,
        &field.plan,
        &field.accounting,
        &url,
        &mut report,
        progress,
    )
    .await?;
    Ok(report)
}

/// Does what the schedule says while the servers work.
async fn do_damage(
    field: &Field,
    args: &Args,
    servers: &mut Servers,
    load: &Load,
    work: f64,
    progress: &Progress,
) -> Result<()> {
    let mut schedule = Schedule::new(args.kills, args.restarts);
    let mut rng = Rng::with_seed(args.field.seed);
    let mut restarts = JoinSet::new();
    let mut lag_probe = field.lag_probe()?;
    while !schedule.is_empty() {
        let (done, _) = lag_probe.look();
        ensure!(
            !lag_probe.is_stuck(),
            "nothing moves any more, after {done} records: {}",
            field.harness.last_words()
        );
        let share = done as f64 / work;
        while let Some(damage) = schedule.due(share) {
            progress.show(format!("{:3.0} % worked off: {damage}", share * 100.0));
            match damage {
                Damage::KillServer => servers.kill_one().await?,
                Damage::SecondServer => servers.add()?,
                Damage::NoSecondServer => servers.remove().await?,
                Damage::Restart(part) => {
                    let pause = Duration::from_millis(rng.u64(500..3_000));
                    restarts.spawn(restart(Arc::clone(&field.parts), part, pause));
                }
            }
        }
        servers.replace_ended()?;
        progress.update(format!(
            "{} events sent, {done} records worked off, {} kills",
            load.sent(),
            servers.kills
        ));
        // Not in step with the batches.
        tokio::time::sleep(Duration::from_millis(rng.u64(10..200))).await;
    }
    while let Some(restarted) = restarts.join_next().await {
        restarted??;
    }
    Ok(())
}

async fn restart(parts: Arc<Parts>, part: Part, pause: Duration) -> Result<()> {
    parts.kill(part).await?;
    tokio::time::sleep(pause).await;
    parts.start(part).await
}

/// Waits for the servers to work everything off; an orchestrator would replace those that end.
async fn wait(field: &Field, servers: &mut Servers, load: Load, progress: &Progress) -> Result<i64> {
    let watching = async {
        loop {
            servers.replace_ended()?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let working = async {
        field.sent(load, progress).await?;
        field.worked_off(progress).await
    };
    tokio::select! {
        left = working => left,
        failed = watching => failed,
    }
}
