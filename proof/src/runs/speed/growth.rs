//! P5: what storing costs when ten times as much is stored already.

use anyhow::Result;

use super::{Sizes, bench_env::BenchEnv, drain::drain};
use crate::{
    progress::Progress,
    report::Report,
    runs::rates::{self, Rates, Targets},
};

pub(super) const LARGE: &str = "saga_speed_large";

pub(super) async fn measure(
    bench_env: &mut BenchEnv,
    sizes: &Sizes,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    // The small one grows by what is measured, so it is made anew each time.
    let small = bench_env.database("saga_speed").await?;
    crate::runs::fill::fill(&small.pool, sizes.sagas / 10, progress).await?;
    let large = bench_env.filled(LARGE, sizes.sagas, progress).await?;
    let (mut of_small, mut of_large) = (Rates::default(), Rates::default());
    let before = (small.steps().await?, large.steps().await?);
    for round in 1..=sizes.rounds {
        for (database, rates) in [(&small, &mut of_small), (&large, &mut of_large)] {
            let plan = bench_env.plan(sizes.events, sizes);
            let drained = drain(bench_env, &database.harness, Some(database), &plan, progress).await?;
            rates.push(drained.events_per_second);
        }
        progress.show(format!(
            "P5, round {round} of {}: {:.0} events/s with few, {:.0} with many",
            sizes.rounds,
            of_small.last(),
            of_large.last()
        ));
    }
    let after = (small.steps().await?, large.steps().await?);
    let stored = |before: i64, after: i64| format!("with {before} steps stored, {after} at the end");
    report.table(rates::table(
        &format!("P5: {} events in each round", sizes.events),
        "events/s",
        &[
            (stored(before.0, after.0).as_str(), &of_small),
            (stored(before.1, after.1).as_str(), &of_large),
        ],
    ));
    let mut targets = Targets::new("P5: the ratio, of the rounds' median");
    targets.at_least("many to few", of_large.ratio_to(&of_small).median(), 0.85);
    report.table(targets.finish());
    Ok(())
}
