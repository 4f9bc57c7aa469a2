//! `plan`: what 1,000, 100,000 and 1,000,000 events a second need, from measured figures; and the second of these plans while machines
//! and a zone are lost, simulated.
//!
//! | part | what |
//! | --- | --- |
//! | `inputs` | the figures that everything follows from |
//! | `sizing` | machines, partitions, disk |
//! | `cluster` | machines over zones, and what the loss of one stops |
//! | `simulation` | events through them |

mod cluster;
mod inputs;
mod simulation;
mod sizing;

use anyhow::Result;
use fastrand::Rng;

use self::{
    cluster::{Cluster, Fault, Times},
    inputs::Inputs,
    simulation::{Rates, Simulation},
    sizing::{PLANS, Sizing, ZONES},
};
use crate::report::{Report, Table};

/// How long is simulated, in seconds.
const SECONDS: f64 = 7_200.0;

/// When a zone is lost, and for how long.
const ZONE_LOST_AT: f64 = 3_600.0;
const ZONE_LOST_FOR: f64 = 900.0;

/// A machine is lost once in so many seconds on average, so that two hours have some: a real one lives for years.
const MACHINE_SECONDS: f64 = 80_000.0;

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// What decides which machines are lost, and when
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<Report> {
    let mut report = Report::new("plan");
    report.table(args.inputs.table());
    report.table(sizing::table(&args.inputs));
    let size = Sizing::of(PLANS[1], &args.inputs);
    let simulation = simulate(&size, &args.inputs, args.seed);
    report.table(episodes(&simulation, args.seed));
    report.table(outcome(&simulation, &size, &args.inputs));
    let (held, waiting) = simulation.waiting();
    report.promise(
        "every event is stored, on the topic or with its producer",
        simulation.recorded == simulation.stored + waiting + held,
        format!(
            "{} of {}",
            simulation.stored + waiting + held,
            simulation.recorded
        ),
    );
    Ok(report)
}

fn simulate(size: &Sizing, inputs: &Inputs, seed: u64) -> Simulation {
    let cluster = Cluster::new(size, Times::default());
    let mut faults = faults(&cluster, seed);
    let mut simulation = Simulation::new(Rates::of(size, inputs), cluster, size.partitions, seed);
    while simulation.now < SECONDS {
        while let Some((_, fault, seconds)) = faults.pop_if(|(at, ..)| *at <= simulation.now) {
            simulation.lose(fault, seconds);
        }
        simulation.step();
    }
    simulation
}

/// What is lost, when and for how long; the last comes first.
fn faults(cluster: &Cluster, seed: u64) -> Vec<(f64, Fault, f64)> {
    let mut rng = Rng::with_seed(seed);
    let (brokers, collectors, workers) = cluster.machines();
    let machines = (0..brokers)
        .map(Fault::Broker)
        .chain((0..collectors).map(Fault::Collector))
        .chain((0..workers).map(Fault::Worker));
    let restart = Times::default().restart;
    let mut faults: Vec<_> = machines
        .filter_map(|machine| {
            let at = -MACHINE_SECONDS * (1.0 - rng.f64()).ln();
            (at < SECONDS).then_some((at, machine, restart))
        })
        .collect();
    faults.push((ZONE_LOST_AT, Fault::Zone(rng.usize(..ZONES)), ZONE_LOST_FOR));
    faults.sort_by(|one, other| other.0.total_cmp(&one.0));
    faults
}

fn episodes(simulation: &Simulation, seed: u64) -> Table {
    let mut table = Table::new(
        &format!("The plan for 100,000 events/s, simulated for two hours (seed {seed})"),
        &[
            "lost",
            "at, s",
            "nothing stored for, s",
            "most events waiting",
            "longest wait, s",
            "recovered after, s",
        ],
    );
    for episode in &simulation.episodes {
        let recovered = match episode.recovered_after {
            Some(after) => format!("{after:.0}").into(),
            None => "the next came before".into(),
        };
        table.row(
            &episode.fault.name(),
            [
                format!("{:.0}", episode.at).into(),
                format!("{:.0}", episode.stopped).into(),
                episode.most_waiting.into(),
                format!("{:.0}", episode.longest_wait).into(),
                recovered,
            ],
        );
    }
    table
}

fn outcome(simulation: &Simulation, size: &Sizing, inputs: &Inputs) -> Table {
    let events = simulation.stored as f64;
    let workers = size.workers as f64;
    let most = simulation
        .episodes
        .iter()
        .map(|episode| episode.most_waiting)
        .max();
    let mut table = Table::of_figures("What that comes to");
    table.figure("events recorded", simulation.recorded);
    table.figure("events stored", simulation.stored);
    table.figure("most events that services held back", simulation.most_held);
    table.figure(
        "most bytes that waited on the topic, three copies, GB",
        most.unwrap_or_default() as f64 * inputs.record_bytes * 3.0 / 1e9,
    );
    table.figure(
        "disk that a worker filled in an hour, GB",
        events / SECONDS * 3_600.0 * inputs.stored_bytes / workers / 1e9,
    );
    table.figure(
        "workers without a standby at the end",
        simulation.cluster.uncovered(),
    );
    table.figure(
        "hours until a standby is made anew, at 500 MB/s",
        size.stored_tb / 2.0 / workers * 1e12 / 500e6 / 3_600.0,
    );
    table
}

#[cfg(test)]
mod tests;
