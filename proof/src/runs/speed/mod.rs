//! The figures P4 to P11: how fast the collector is, and how small.
//!
//! Machines are noisy, so a ratio is of two subjects that take turns in one run, and the median of its rounds
//! counts. Whether a target is met is printed, and fails nothing: that depends on the machine.

mod baselines;
mod bench_env;
mod delay;
mod disk;
mod drain;
mod footprint;
mod graph;
mod growth;
mod idle;
mod kinds;
mod questions;
mod reading;
mod sqlite;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;

use self::bench_env::BenchEnv;
use crate::{progress::Progress, report::Report, shapes::Mix};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The figures to measure; all when none is named
    #[arg(value_enum)]
    figures: Vec<Figure>,
    /// The saga-server to measure; the one beside this program when not given
    #[arg(long, value_name = "PROGRAM", env = "SAGA_PROOF_SERVER")]
    server: Option<PathBuf>,
    /// Where the servers log, to be kept; their level is SAGA_SERVER_LOG_LEVEL, or error
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// A PostgreSQL to use instead of one of its own. Databases called saga_speed_… are made there; the large one stays, so
    /// that it need not be filled again
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// How often each is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many events are stored in a round
    #[arg(long, default_value_t = 300_000)]
    events: usize,
    /// How many sagas, of five steps each, are stored already for P5 and P6; a tenth of them is what P5 compares with
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(i32).range(1000..))]
    sagas: i32,
    /// For how many seconds questions are asked for P6 and P7, and a round of P11 looks on
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The shapes of the sagas and their weights
    #[arg(long, default_value_t = Mix::default())]
    mix: Mix,
    /// P4 also with a definition whose path is a graph of 40 steps, in turns with the straight line that is built in
    #[arg(long)]
    graph: bool,
    /// What the sagas and the questions are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Properties of librdkafka for the servers: NAME=VALUE, several with semicolons between
    #[arg(long, value_name = "LIST", default_value = "")]
    kafka_properties: String,
    /// The short form: everything once, with little: it shows that the measuring works
    #[arg(long)]
    short: bool,
}

/// As the contract numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Figure {
    /// From Kafka to PostgreSQL, compared with raw COPY and with one transaction for each event
    P4,
    /// The same with ten times as much stored already
    P5,
    /// Questions to REST beside the plainest SQL for each, and pages, over many sagas and while many events come
    P6,
    /// From recorded to visible in REST
    P7,
    /// The server's memory, and its start
    P8,
    /// The disk of PostgreSQL for an event, by table and index
    P9,
    /// From Kafka to SQLite, compared with batches of the same steps by json_each
    P10,
    /// The processor time of `serve` and `dev` without work, and of `dev --demo`
    P11,
}

impl Figure {
    const ALL: [Self; 8] = [
        Self::P4,
        Self::P5,
        Self::P6,
        Self::P7,
        Self::P8,
        Self::P9,
        Self::P10,
        Self::P11,
    ];
}

/// How much is measured.
#[derive(Debug, Clone)]
struct Sizes {
    rounds: u32,
    events: usize,
    sagas: i32,
    seconds: u64,
    /// Events a second that come while questions are asked.
    rate_while_reading: u32,
    rate_of_delay: u32,
    mix: Mix,
    graph: bool,
    seed: u64,
}

impl From<&Args> for Sizes {
    fn from(args: &Args) -> Self {
        let sizes = Self {
            rounds: args.rounds,
            events: args.events,
            sagas: args.sagas,
            seconds: args.seconds,
            rate_while_reading: 10_000,
            rate_of_delay: 5_000,
            mix: args.mix.clone(),
            graph: args.graph,
            seed: args.seed,
        };
        if !args.short {
            return sizes;
        }
        Self {
            rounds: 1,
            events: 20_000,
            sagas: 5_000,
            seconds: 5,
            rate_while_reading: 500,
            rate_of_delay: 500,
            ..sizes
        }
    }
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let mut report = Report::new("speed");
    let sizes = Sizes::from(args);
    let mut bench_env = BenchEnv::new(args, progress).await?;
    let figures = if args.figures.is_empty() {
        &Figure::ALL[..]
    } else {
        &args.figures
    };
    for figure in figures {
        match figure {
            Figure::P4 => throughput::measure(&mut bench_env, &sizes, &mut report, progress).await?,
            Figure::P5 => growth::measure(&mut bench_env, &sizes, &mut report, progress).await?,
            Figure::P6 => reading::measure(&mut bench_env, &sizes, &mut report, progress).await?,
            Figure::P7 => delay::measure(&mut bench_env, &sizes, &mut report, progress).await?,
            Figure::P8 => footprint::measure(&mut bench_env, &sizes, &mut report, progress).await?,
            Figure::P9 => disk::measure(&mut bench_env, &sizes, &mut report, progress).await?,
            Figure::P10 => sqlite::measure(&mut bench_env, &sizes, &mut report, progress).await?,
            Figure::P11 => idle::measure(&mut bench_env, &sizes, &mut report, progress).await?,
        }
    }
    Ok(report)
}
