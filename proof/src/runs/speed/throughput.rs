//! P4: from Kafka to PostgreSQL with everything on, beside raw COPY of the same steps and one transaction for each event.

use anyhow::{Result, ensure};

use super::{
    Sizes,
    baselines::{copy, one_by_one},
    bench_env::BenchEnv,
    drain::drain,
    graph,
};
use crate::{
    progress::Progress,
    report::{Report, Table},
    runs::rates::{self, Rates, Targets},
};

/// Of a hundred events so many are stored one by one, which takes long enough.
const ONE_BY_ONE_PERCENT: usize = 10;

pub(super) async fn measure(
    bench_env: &mut BenchEnv,
    sizes: &Sizes,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let database = bench_env.database("saga_speed").await?;
    let (mut drained, mut copied, mut single) = (Rates::default(), Rates::default(), Rates::default());
    let (mut costs, mut branched) = (Costs::default(), Rates::default());
    let with_graph = match sizes.graph {
        true => Some(database.defined_by(graph::folder(bench_env)?)),
        false => None,
    };
    for round in 1..=sizes.rounds {
        let plan = bench_env.plan(sizes.events, sizes);
        database.empty().await?;
        let took = drain(bench_env, &database.harness, Some(&database), &plan, progress).await?;
        let stored = database.steps().await?;
        ensure!(
            usize::try_from(stored)? == plan.events(),
            "{stored} steps are stored of {}",
            plan.events()
        );
        drained.push(took.events_per_second);
        if let Some(database) = &with_graph {
            database.empty().await?;
            let plan = bench_env.plan(sizes.events, sizes);
            branched.push(
                drain(bench_env, &database.harness, Some(database), &plan, progress)
                    .await?
                    .events_per_second,
            );
        }
        costs.server.extend(took.server_micros);
        costs.database.extend(took.database_micros);

        let events = plan.in_order()?;
        database.empty().await?;
        let stored = copy(&database, &events).await?;
        copied.push(stored.events_per_second);
        costs.copy.extend(stored.database_micros);

        let few = &events[..events.len() * ONE_BY_ONE_PERCENT / 100];
        database.empty().await?;
        let stored = one_by_one(&database, few).await?;
        single.push(stored.events_per_second);
        costs.single.extend(stored.database_micros);
        progress.show(format!(
            "P4, round {round} of {}: {:.0} events/s; COPY {:.0}; one by one {:.0}",
            sizes.rounds,
            drained.last(),
            copied.last(),
            single.last()
        ));
    }
    report.table(rates::table(
        &format!("P4: {} events, stored into empty tables", sizes.events),
        "events/s",
        &[
            ("Kafka to PostgreSQL, everything on", &drained),
            (
                "raw COPY of the same steps into the same table, 2 connections",
                &copied,
            ),
            ("one transaction for each event, 8 connections", &single),
        ],
    ));
    report.table(costs.table());
    let mut targets = Targets::new("P4: ratios, each of the rounds' medians");
    targets.at_least("to raw COPY", drained.ratio_to(&copied).median(), 0.75);
    if with_graph.is_some() {
        report.table(rates::table(
            "P4 with a path that forks",
            "events/s",
            &[("a graph of 40 steps, four of them awaited", &branched)],
        ));
        targets.at_least(
            "a graph of 40 steps to the straight line",
            branched.ratio_to(&drained).median(),
            0.95,
        );
    }
    report.table(targets.finish());
    Ok(())
}

/// Processor time for each event, in microseconds: what a machine must have for so many events a second.
#[derive(Default)]
struct Costs {
    server: Rates,
    database: Rates,
    copy: Rates,
    single: Rates,
}

impl Costs {
    fn table(&self) -> Table {
        rates::table(
            "P4: processor time for each event",
            "µs",
            &[
                ("saga-server", &self.server),
                ("its sessions in PostgreSQL", &self.database),
                ("PostgreSQL's sessions with raw COPY", &self.copy),
                ("with one transaction for each event", &self.single),
            ],
        )
    }
}
