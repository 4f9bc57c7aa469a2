//! P8: the server's memory while it stores what waits for it, and how soon it is ready with SQLite.

use std::time::Instant;

use anyhow::Result;

use super::{Sizes, bench_env::BenchEnv, drain::drain};
use crate::{
    progress::Progress,
    report::Report,
    runs::rates::{self, Rates, Targets},
    server::Harness,
};

pub(super) async fn measure(
    bench_env: &mut BenchEnv,
    sizes: &Sizes,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let database = bench_env.database("saga_speed").await?;
    let (mut memory, mut serve, mut dev) = (Rates::default(), Rates::default(), Rates::default());
    for round in 1..=sizes.rounds {
        database.empty().await?;
        let plan = bench_env.plan(sizes.events, sizes);
        memory.push(
            drain(bench_env, &database.harness, Some(&database), &plan, progress)
                .await?
                .peak_mib,
        );
        let folder = tempfile::tempdir()?;
        let harness = bench_env.harness.on_sqlite(&folder.path().join("sagas.db"));
        harness.migrate().await?;
        let begun = Instant::now();
        let mut server = harness.serve()?;
        server.wait_until_ready(&harness).await?;
        serve.push(begun.elapsed().as_secs_f64());
        server.end().await?;
        dev.push(start_of_dev(&bench_env.harness).await?);
        progress.show(format!(
            "P8, round {round} of {}: {:.0} MiB, ready after {:.2} s",
            sizes.rounds,
            memory.last(),
            serve.last()
        ));
    }
    report.table(rates::table(
        &format!("P8: the most memory while {} events were stored", sizes.events),
        "MiB",
        &[("saga-server, PostgreSQL", &memory)],
    ));
    report.table(rates::table(
        "P8: from start to ready, with SQLite",
        "s",
        &[
            ("serve", &serve),
            ("dev, with its own broker and a new file", &dev),
        ],
    ));
    let mut targets = Targets::new("P8: memory and start");
    targets.at_most("MiB", memory.median(), 150.0);
    targets.at_most("serve, s", serve.median(), 1.0);
    targets.at_most("dev, s", dev.median(), 1.0);
    report.table(targets.finish());
    Ok(())
}

/// Seconds until `dev` writes its file, which it does when it is ready.
async fn start_of_dev(harness: &Harness) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("info.json");
    let begun = Instant::now();
    let mut process = harness.dev(&file, &[])?;
    harness.wait_for_dev(&mut process, &file).await?;
    let took = begun.elapsed();
    process.kill().await?;
    Ok(took.as_secs_f64())
}
