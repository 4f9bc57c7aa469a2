//! Sends events to any topic, for trials by hand.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    accounting::Accounting,
    events::Plan,
    load::{Disorder, Load},
    progress::Progress,
    report::{Report, Table},
    shapes::Mix,
};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The brokers to ask first: HOST:PORT, several with commas between
    #[arg(long, value_name = "SERVERS", env = "KAFKA_BOOTSTRAP_SERVERS")]
    bootstrap_servers: String,
    /// The topic
    #[arg(long, default_value = "c4ang.saga.tracker")]
    topic: String,
    /// How many events; a repeated one counts once
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// How many events in a second; as fast as Kafka takes them when not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// The shapes of the sagas and their weights
    #[arg(long, default_value_t = Mix::default())]
    mix: Mix,
    /// How many of a hundred events come twice
    #[arg(long, default_value_t = 0.0)]
    repeated: f64,
    /// How many of a hundred events are followed by a bad record
    #[arg(long, default_value_t = 0.0)]
    poisoned: f64,
    /// Events of some thousand sagas in any order, instead of as they happened
    #[arg(long)]
    shuffled: bool,
    /// What the sagas and their order are made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let mut report = Report::new("load");
    let plan = Arc::new(Plan::new(args.events, args.mix.clone(), args.seed));
    let accounting = Arc::new(Accounting::new(plan.events()));
    let disorder = Disorder {
        repeated: args.repeated,
        poisoned: args.poisoned,
        in_order: !args.shuffled,
    };
    let rate = args.rate.unwrap_or(u32::MAX);
    let begun = Instant::now();
    // It is named once in the life of this program.
    let topic = args.topic.clone().leak();
    let load = Load::begin(&args.bootstrap_servers, topic, &plan, &accounting, disorder, rate)?;
    while !load.has_ended() {
        let acknowledged = accounting.events.count();
        progress.update(format!(
            "{} events sent, {acknowledged} acknowledged",
            load.sent()
        ));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = load.sent();
    load.join()?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut table = Table::of_figures("Sent");
    table.figure("sagas", plan.sagas());
    table.figure("events acknowledged", accounting.events.count());
    table.figure("of them twice", accounting.repeats());
    table.figure("bad records acknowledged", accounting.poisoned().len());
    table.figure("seconds", seconds);
    table.figure("events/s", sent as f64 / seconds);
    report.table(table);
    report.promise_none(
        "the broker takes every record in the end",
        accounting.refused(),
        &[],
    );
    Ok(report)
}
