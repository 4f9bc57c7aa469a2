//! An archive of a million sagas: how many bytes an event takes in it, and how fast it answers without a restore.
//!
//! Sagas are stored in a SQLite database and leave it by `saga-server archive run`, some at a time; then a `saga-server` answers for
//! them. It has no broker, which it needs for nothing here.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use hdrhistogram::Histogram;
use saga_store::StoreOptions;
use saga_types::{SagaEvent, Timestamp, definition::Definitions};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::{
    events::Plan,
    http,
    progress::Progress,
    report::{Report, Table},
    server::{beside_this_program, free_port},
    shapes::Mix,
};

/// The most bytes of an event in the archive.
const MOST_BYTES: f64 = 90.0;

/// The longest time for an answer.
const LONGEST_MS: f64 = 1_000.0;

/// How many sagas are in the database at once.
const AT_ONCE: usize = 20_000;

/// How many events are stored at once.
const BATCH: usize = 5_000;

/// The days over which the sagas are spread.
const DAYS: usize = 30;

const DAY_MS: i64 = 86_400_000;

/// How long a server may take to answer at all.
const TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// How many sagas, of about seven events each, over thirty days
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    sagas: u32,
    /// How many sagas are asked for
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    questions: u32,
    /// 5,000 sagas and 50 questions
    #[arg(long, conflicts_with_all = ["sagas", "questions"])]
    short: bool,
    /// The saga-server to test; the one beside this program when not given
    #[arg(long, value_name = "PROGRAM", env = "SAGA_PROOF_SERVER")]
    server: Option<PathBuf>,
    /// What the sagas are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let (sagas, questions) = match args.short {
        true => (5_000, 50),
        false => (args.sagas as usize, args.questions),
    };
    let place = Place::new(args.server.as_deref())?;
    let mut report = Report::new("archive");
    let begun = Instant::now();
    let (plan, events) = place.fill(sagas, args.seed, progress).await?;
    let mut table = Table::of_figures("Archived");
    let (data, index) = sizes(&place.archive())?;
    let bytes = |bytes: u64| ratio(bytes, events as u64);
    table.figure("sagas", sagas);
    table.figure("events", events);
    table.figure("seconds to store and archive", begun.elapsed().as_secs_f64());
    table.figure("Parquet files and manifests, bytes an event", bytes(data));
    table.figure("index, bytes a saga", ratio(index, sagas as u64));
    table.figure("all, bytes an event", bytes(data + index));
    report.table(table);
    let all = bytes(data + index);
    report.promise(
        "an event takes at most 90 bytes of the archive",
        all <= MOST_BYTES,
        format_args!("{all:.1}"),
    );
    ask(&place, &plan, sagas, questions, args.seed, progress, &mut report).await?;
    Ok(report)
}

/// The folder of everything, and the server.
struct Place {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Place {
    fn new(program: Option<&Path>) -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            program: match program {
                Some(program) => program.to_owned(),
                None => beside_this_program()?,
            },
        })
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    fn database(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("sagas.db").display())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("DATABASE_URL", self.database())
            .env(
                "SAGA_SERVER_ARCHIVE_URL",
                format!("file://{}", self.archive().display()),
            )
            .env("SAGA_SERVER_RETENTION_AFTER", "1h")
            .env("SAGA_SERVER_RETENTION_UNFINISHED_AFTER", "1h")
            .env("SAGA_SERVER_LOG_LEVEL", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Stores and archives so many sagas; how many events they have.
    async fn fill(&self, sagas: usize, seed: u64, progress: &Progress) -> Result<(Plan, usize)> {
        // More events than they can have, so that the plan has enough whole sagas.
        let plan = Plan::new(sagas * 12, Mix::default(), seed);
        let options = StoreOptions {
            definitions: Definitions::built_in().into(),
            max_connections: 2,
        };
        let store = saga_store::connect(&self.database(), options).await?;
        store.migrate().await?;
        let (mut events, mut stored) = (Vec::with_capacity(BATCH), 0);
        for saga in 0..sagas {
            events.extend(long_ago(plan.saga(saga)?, saga * DAYS / sagas)?);
            let is_last = saga + 1 == sagas;
            if events.len() >= BATCH || is_last {
                stored += events.len();
                store.append(std::mem::take(&mut events).into()).await?;
            }
            if (saga + 1) % AT_ONCE == 0 || is_last {
                progress.update(format!("{} of {sagas} sagas archived", saga + 1));
                let archived = self.command().args(["archive", "run"]).status().await?;
                ensure!(archived.success(), "saga-server archive run failed: {archived}");
            }
        }
        let counts = store.count_by_status().await?;
        ensure!(
            counts.iter().all(|(_, count)| *count == 0),
            "sagas are still in the database: {counts:?}"
        );
        Ok((plan, stored))
    }

    /// A server with this archive, and where it answers.
    async fn serve(&self) -> Result<(Child, String)> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let server = self
            .command()
            .args(["serve", "--listen", &address])
            .env("KAFKA_BOOTSTRAP_SERVERS", format!("127.0.0.1:{}", free_port()?))
            .env("SAGA_SERVER_RETENTION_AFTER", "0s")
            .env("SAGA_SERVER_RETENTION_UNFINISHED_AFTER", "0s")
            .spawn()?;
        let url = format!("http://{address}");
        let (client, deadline) = (http::client(), Instant::now() + TIMEOUT);
        while client.get(format!("{url}/health/liveness")).send().await.is_err() {
            ensure!(Instant::now() < deadline, "saga-server does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok((server, url))
    }
}

/// The same events, as many days after the first day as given; it was forty days ago.
fn long_ago(mut events: Vec<SagaEvent>, day: usize) -> Result<Vec<SagaEvent>> {
    let later = (i64::try_from(day)? - 40) * DAY_MS;
    for event in &mut events {
        event.recorded_at = Timestamp::from_millis(event.recorded_at.as_millis() + later)?;
        event.event_timestamp = Timestamp::from_millis(event.event_timestamp.as_millis() + later)?;
    }
    Ok(events)
}

/// The path of a question about a saga and its order.
type Address = fn(&(String, String)) -> String;

/// Random sagas, each question twice: when their files were not looked at before, mostly, and again.
async fn ask(
    place: &Place,
    plan: &Plan,
    sagas: usize,
    questions: u32,
    seed: u64,
    progress: &Progress,
    report: &mut Report,
) -> Result<()> {
    let (server, url) = place.serve().await?;
    let client = http::client();
    let mut rng = Rng::with_seed(seed);
    let mut chosen = Vec::new();
    for _ in 0..questions {
        let first = plan.saga(rng.usize(..sagas))?.swap_remove(0);
        chosen.push((first.saga_id.to_string(), first.order_id.to_string()));
    }
    let mut table = Table::new(
        "Answers, ms",
        &["question", "p50", "p99", "most", "again p50", "again p99"],
    );
    let mut longest: f64 = 0.0;
    let kinds: [(&str, Address); 5] = [
        ("a saga", |saga| format!("/api/v1/sagas/{}", saga.0)),
        ("its steps", |saga| format!("/api/v1/sagas/{}/steps", saga.0)),
        ("its page", |saga| format!("/sagas/{}", saga.0)),
        ("search by its id", |saga| format!("/api/v1/search?q={}", saga.0)),
        ("search by its order", |saga| {
            format!("/api/v1/search?q={}", saga.1)
        }),
    ];
    for (name, address) in kinds {
        progress.show(format!("asking for {name}"));
        let mut rounds = Vec::new();
        for _ in 0..2 {
            let mut micros = Histogram::<u64>::new(3)?;
            for saga in &chosen {
                let asked = Instant::now();
                let answer = client.get(format!("{url}{}", address(saga))).send().await?;
                let status = answer.status();
                let text = answer.text().await?;
                micros.record(u64::try_from(asked.elapsed().as_micros())?)?;
                ensure!(
                    status.is_success() && text.contains(&saga.0),
                    "{name}: {status}: {text}"
                );
            }
            rounds.push(micros);
        }
        let millis = |micros: &Histogram<u64>, quantile| ratio(micros.value_at_quantile(quantile), 1_000);
        longest = longest.max(millis(&rounds[0], 0.99));
        let [first, again] = [&rounds[0], &rounds[1]];
        let figures = [
            millis(first, 0.5),
            millis(first, 0.99),
            millis(first, 1.0),
            millis(again, 0.5),
            millis(again, 0.99),
        ];
        table.row(name, figures.map(Value::from));
    }
    report.table(table);
    report.promise(
        "99 of 100 answers take less than a second",
        longest < LONGEST_MS,
        format_args!("{longest:.1} ms"),
    );
    drop(server);
    Ok(())
}

/// The bytes of the batches, and of the index.
fn sizes(archive: &Path) -> Result<(u64, u64)> {
    let (mut data, mut index) = (0, 0);
    let mut folders = vec![archive.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).context("the archive cannot be read")? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false if folder == archive => index += entry.metadata()?.len(),
                false => data += entry.metadata()?.len(),
            }
        }
    }
    Ok((data, index))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
