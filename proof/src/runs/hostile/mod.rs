//! Everything that the world may do to a collector, one kind after the other, while a stream of good events runs; then each
//! event and each bad record is looked for.

mod account;
mod audit;
mod generator;
mod kinds;
mod proxy;
mod registry;
mod sender;
mod stage;
mod stream;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;
use tokio::{sync::Semaphore, task::JoinSet};

use self::{kinds::Kind, stage::Stage};
use crate::{
    memory,
    parts::Parts,
    progress::Progress,
    readiness::Change,
    report::{Report, Table},
    server::Harness,
};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The saga-server to test; the one beside this program when not given
    #[arg(long, value_name = "PROGRAM", env = "SAGA_PROOF_SERVER")]
    server: Option<PathBuf>,
    /// Where the servers log, to be kept, each kind in a file of its own beside it; their level is SAGA_SERVER_LOG_LEVEL, or error
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// What records, their order and their bytes are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these kinds
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// How many kinds are played at the same time, each with topics, a database and a server of its own
    #[arg(long, default_value_t = 4)]
    together: usize,
    /// The short form: fewer records, shorter outages
    #[arg(long)]
    short: bool,
}

/// How long good events come before and after what is hostile.
const MARGIN: Duration = Duration::from_secs(1);

/// What came of one kind.
struct Played {
    kind: Kind,
    what: String,
    bad: usize,
    good: usize,
    longest_wait: Duration,
    health: String,
    peak_mib: f64,
    wrong: Vec<String>,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let mut report = Report::new("hostile");
    progress.show("starting Kafka, PostgreSQL and a schema registry");
    let parts = Arc::new(Parts::kafka_postgres_and_registry().await?);
    let harness = Harness::prepare(&parts, args.server.as_deref(), args.log.as_deref()).await?;
    let kinds: Vec<Kind> = match args.kinds.is_empty() {
        true => Kind::value_variants()
            .iter()
            .copied()
            .filter(|kind| !args.short || !kind.is_long())
            .collect(),
        false => args.kinds.clone(),
    };
    let (alone, mut others): (Vec<_>, Vec<_>) = kinds.iter().copied().partition(|kind| kind.is_alone());
    // Otherwise the rest would wait for the last of them.
    others.sort_by_key(|kind| !kind.is_slow());
    let mut played = Vec::new();
    for (kinds, together) in [(others, args.together.max(1)), (alone, 1)] {
        played.extend(play_all(args, &parts, &harness, kinds, together, progress).await?);
    }
    played.sort_by_key(|played| kinds.iter().position(|kind| *kind == played.kind));
    report.table(table(&played));
    for played in &played {
        report.promise_none(
            &format!("{}: all is kept", name(played.kind)),
            played.wrong.len(),
            &played.wrong,
        );
    }
    Ok(report)
}

async fn play_all(
    args: &Args,
    parts: &Arc<Parts>,
    harness: &Harness,
    kinds: Vec<Kind>,
    together: usize,
    progress: &Progress,
) -> Result<Vec<Played>> {
    let places = Arc::new(Semaphore::new(together));
    let mut playing = JoinSet::new();
    for kind in kinds {
        let (places, parts, harness) = (Arc::clone(&places), Arc::clone(parts), harness.clone());
        let (seed, is_short) = (args.seed, args.short);
        playing.spawn(async move {
            let _place = places.acquire_owned().await?;
            let played = play(kind, &parts, &harness, seed, is_short).await;
            played.with_context(|| format!("the kind {} could not be played", name(kind)))
        });
    }
    let mut all = Vec::new();
    while let Some(played) = playing.join_next().await {
        let played = played??;
        let verdict = if played.wrong.is_empty() { "kept" } else { "BROKEN" };
        progress.show(format!("{}: {verdict}; {}", name(played.kind), played.health));
        all.push(played);
    }
    Ok(all)
}

fn name(kind: Kind) -> String {
    kind.to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

async fn play(
    kind: Kind,
    parts: &Arc<Parts>,
    harness: &Harness,
    seed: u64,
    is_short: bool,
) -> Result<Played> {
    let mut stage = Stage::set(parts, harness, &name(kind), kind.settings(parts)?, seed, is_short).await?;
    tokio::time::sleep(MARGIN).await;
    let (what, failure) = match kind.play(&mut stage).await {
        Ok(what) => (what, None),
        Err(error) => ("not played to its end".to_owned(), Some(format!("{error:#}"))),
    };
    tokio::time::sleep(MARGIN).await;
    if let Some(stream) = stage.stream.take() {
        stream.end().await?;
    }
    let mut wrong = audit::audit(&mut stage).await?;
    wrong.extend(failure);
    let peak_mib = memory::peak_mib(stage.server.id()?)?;
    let health = health(&stage.readiness.story(), stage.begun);
    let ending = Instant::now();
    stage.server.end().await?;
    parts.drop_database(&stage.database_name).await?;
    if ending.elapsed() > Duration::from_secs(15) {
        wrong.push(format!("the server took {} s to end", ending.elapsed().as_secs()));
    }
    let expected = stage.account.lock();
    Ok(Played {
        kind,
        what,
        bad: expected.letters.len() + expected.either.len(),
        good: expected.stored.len() + expected.waiting.len(),
        longest_wait: expected.longest_wait,
        health,
        peak_mib,
        wrong,
    })
}

/// When it was not ready, in seconds after the beginning, and the first reason.
fn health(story: &[Change], begun: Instant) -> String {
    let seconds = |at: Instant| at.saturating_duration_since(begun).as_secs_f64();
    let mut words = Vec::new();
    for (index, change) in story.iter().enumerate().filter(|(_, change)| !change.is_ready) {
        let until = story
            .get(index + 1)
            .map_or("the end".to_owned(), |next| format!("{:.1}", seconds(next.at)));
        let reason: String = change.reason.chars().take(90).collect();
        words.push(format!(
            "not ready {:.1}–{until} s ({reason})",
            seconds(change.at)
        ));
    }
    let more = words.len().saturating_sub(2);
    words.truncate(2);
    if more > 0 {
        words.push(format!("and {more} times more"));
    }
    if words.is_empty() {
        "ready".to_owned()
    } else {
        words.join("; ")
    }
}

fn table(played: &[Played]) -> Table {
    let columns = [
        "kind",
        "what was done",
        "good",
        "bad",
        "longest wait, s",
        "health",
        "most memory, MiB",
        "verdict",
    ];
    let mut table = Table::new("Hostile", &columns);
    for played in played {
        let verdict = if played.wrong.is_empty() { "kept" } else { "BROKEN" };
        table.row(
            &name(played.kind),
            [
                played.what.as_str().into(),
                played.good.into(),
                played.bad.into(),
                played.longest_wait.as_secs_f64().into(),
                played.health.as_str().into(),
                played.peak_mib.into(),
                verdict.into(),
            ],
        );
    }
    table
}
