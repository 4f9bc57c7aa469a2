//! A service writes bad records for a day, without end: what that takes of the database, and what retention gives back.
//!
//! The day is sped up, and after it time is: its letters are made older than their retention. Then the same comes again, since
//! space that is given back to the table, and not to the file system, must be used.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};
use saga_types::avro::{self, Framing, SchemaVersion};
use sqlx::PgPool;

use crate::{
    events::Plan,
    memory,
    parts::Parts,
    progress::Progress,
    report::{Report, Table},
    server::{Harness, Server},
    shapes::Mix,
};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The saga-server to test; the one beside this program when not given
    #[arg(long, value_name = "PROGRAM", env = "SAGA_PROOF_SERVER")]
    server: Option<PathBuf>,
    /// Where the server logs, to be kept; its level is SAGA_SERVER_LOG_LEVEL, or error
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// How many bad records come in a day
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    records: u32,
    /// How many bytes each has
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    bytes: u32,
    /// What the records are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The short form: 2,000 records
    #[arg(long)]
    short: bool,
}

/// After so many bad records comes a good event.
const GOOD_EVERY: u32 = 100;

/// How long a day's letters may take, and how long retention may: a million of them on a slow machine.
const WITHIN: Duration = Duration::from_secs(2 * 3_600);

/// Older than any letter is kept by default.
const AGE: &str =
    "ALTER TABLE dead_letter ALTER COLUMN dead_since TYPE timestamptz USING dead_since - interval '31 days'";

/// So that the next server begins with retention at once, and does not wait for the lease of the one before.
const FREE_LEASES: &str = "DELETE FROM lease";

const SIZE: &str = "SELECT pg_database_size(current_database())";

const LETTERS: &str = "SELECT count(*) FROM dead_letter";

const STEPS: &str = "SELECT count(*) FROM saga_steps";

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let mut report = Report::new("dead-letters");
    progress.show("starting Kafka and PostgreSQL");
    let parts = Parts::kafka_and_postgres().await?;
    let harness = Harness::prepare(&parts, args.server.as_deref(), args.log.as_deref()).await?;
    let database = parts.database().await?;
    let records = if args.short { 2_000 } else { args.records };
    let days = Days {
        records,
        bytes: args.bytes,
        seed: args.seed,
        bootstrap_servers: &parts.bootstrap_servers,
        database: &database,
        progress,
    };
    let mut table = Table::new(
        "Dead letters",
        &["when", "letters", "database, MiB", "server, most MiB", "seconds"],
    );
    let before = mib(size(&database).await?);
    table.row("before", [0.into(), before.into(), "".into(), "".into()]);
    let first = days.day(0, &harness).await?;
    table.row("at the most, first day", first.row());
    let begun = Instant::now();
    days.age(&harness).await?;
    let after = mib(size(&database).await?);
    let left = count(&database, LETTERS).await?;
    let took = begun.elapsed().as_secs_f64();
    table.row(
        "after retention",
        [left.into(), after.into(), "".into(), took.into()],
    );
    let second = days.day(1, &harness).await?;
    table.row("at the most, second day", second.row());
    report.table(table);
    report.promise("no letter stays longer than its retention", left == 0, left);
    let good = i64::from(records / GOOD_EVERY) * 2;
    let stored = count(&database, STEPS).await?;
    let seen = format!("{stored} of {good}");
    report.promise("every good event beside them is stored", stored == good, seen);
    // Pages are filled to the next one, and other tables grow.
    let seen = format!("{:.1} MiB, and {:.1} on the first day", second.most, first.most);
    report.promise(
        "the second day takes no more room than the first",
        second.most <= first.most * 1.1 + 8.0,
        seen,
    );
    Ok(report)
}

/// What came of a day.
struct Day {
    letters: i64,
    most: f64,
    peak: f64,
    took: Duration,
}

impl Day {
    fn row(&self) -> [serde_json::Value; 4] {
        [
            self.letters.into(),
            self.most.into(),
            self.peak.into(),
            self.took.as_secs_f64().into(),
        ]
    }
}

struct Days<'a> {
    records: u32,
    bytes: u32,
    seed: u64,
    bootstrap_servers: &'a str,
    database: &'a PgPool,
    progress: &'a Progress,
}

impl Days<'_> {
    /// All records come, and all letters are in the database.
    async fn day(&self, number: u64, harness: &Harness) -> Result<Day> {
        let mut server = harness.serve()?;
        server.wait_until_ready(harness).await?;
        let most = Arc::new(AtomicI64::new(0));
        let watching = tokio::spawn(watch(self.database.clone(), Arc::clone(&most)));
        let begun = Instant::now();
        let writing = {
            let (servers, records, bytes) = (self.bootstrap_servers.to_owned(), self.records, self.bytes);
            let seed = self.seed + number;
            tokio::task::spawn_blocking(move || write(&servers, records, bytes, seed))
        };
        let expected = i64::from(self.records);
        let letters = self.until(LETTERS, expected, |letters| letters >= expected).await;
        let took = begun.elapsed();
        writing.await??;
        let good = i64::from(self.records / GOOD_EVERY) * i64::try_from(number + 1)?;
        self.until(STEPS, good, |steps| steps >= good).await?;
        watching.abort();
        let peak = memory::peak_mib(server.id()?)?;
        let day = Day {
            letters: letters?,
            most: mib(most.load(Ordering::Relaxed).max(size(self.database).await?)),
            peak,
            took,
        };
        server.end().await?;
        Ok(day)
    }

    /// The letters become too old, and a server removes them.
    async fn age(&self, harness: &Harness) -> Result<()> {
        for statement in [AGE, FREE_LEASES] {
            sqlx::raw_sql(statement).execute(self.database).await?;
        }
        let mut server: Server = harness.serve()?;
        server.wait_until_ready(harness).await?;
        self.until(LETTERS, 0, |letters| letters == 0).await?;
        server.end().await?;
        // It comes by itself, some time later.
        sqlx::raw_sql("VACUUM dead_letter").execute(self.database).await?;
        Ok(())
    }

    async fn until(&self, query: &'static str, goal: i64, holds: impl Fn(i64) -> bool) -> Result<i64> {
        let deadline = Instant::now() + WITHIN;
        loop {
            let counted = count(self.database, query).await?;
            if holds(counted) {
                return Ok(counted);
            }
            ensure!(Instant::now() < deadline, "{counted} of {goal}: {query}");
            self.progress.update(format!("{counted} of {goal}: {query}"));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

async fn watch(database: PgPool, most: Arc<AtomicI64>) {
    loop {
        if let Ok(size) = size(&database).await {
            most.fetch_max(size, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn size(database: &PgPool) -> Result<i64> {
    count(database, SIZE).await
}

async fn count(database: &PgPool, query: &'static str) -> Result<i64> {
    sqlx::query_scalar(query)
        .fetch_one(database)
        .await
        .context("the database does not answer")
}

fn mib(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// One service's records: of no known framing, with keys as if they were sagas, and a good event now and then.
fn write(bootstrap_servers: &str, records: u32, bytes: u32, seed: u64) -> Result<()> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .create()?;
    let mut random = Rng::with_seed(seed);
    let good = Plan::new((records / GOOD_EVERY) as usize, Mix::default(), seed).in_order()?;
    let mut good = good.iter();
    let mut value = vec![0; bytes as usize];
    for number in 0..records {
        random.fill(&mut value);
        let key = format!("bad-{seed}-{number}");
        send(&producer, &key, &value)?;
        if number % GOOD_EVERY == GOOD_EVERY - 1
            && let Some(event) = good.next()
        {
            let value = avro::encode(event, SchemaVersion::V2, Framing::SingleObject)?;
            send(&producer, event.saga_id.as_str(), &value)?;
        }
    }
    producer.flush(WITHIN)?;
    Ok(())
}

fn send(producer: &ThreadedProducer<DefaultProducerContext>, key: &str, value: &[u8]) -> Result<()> {
    let mut record = BaseRecord::to(Harness::TOPIC).key(key).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                std::thread::sleep(Duration::from_millis(5));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}
