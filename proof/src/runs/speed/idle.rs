//! P11: the processor time of a server that has nothing to do, and of the demo with one order a second.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};

use super::{Sizes, bench_env::BenchEnv};
use crate::{
    memory,
    progress::Progress,
    report::{Report, Table},
    runs::rates::{self, Rates, Targets},
};

/// What a start leaves to be done is done by then.
const SETTLE: Duration = Duration::from_secs(15);

/// Threads that take less of a processor, in percent, are no row of the table.
const LEAST_PERCENT: f64 = 0.05;

/// A process that is measured, and what was measured of it.
struct Subject {
    name: &'static str,
    process: u32,
    percent: Rates,
    threads: BTreeMap<String, f64>,
}

pub(super) async fn measure(
    bench_env: &mut BenchEnv,
    sizes: &Sizes,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let database = bench_env.database("saga_speed").await?;
    let mut server = database.harness.serve()?;
    server.wait_until_ready(&database.harness).await?;
    let folder = tempfile::tempdir()?;
    let harness = &bench_env.harness;
    let (info, demo_info) = (folder.path().join("dev.json"), folder.path().join("demo.json"));
    let mut dev = harness.dev(&info, &[])?;
    harness.wait_for_dev(&mut dev, &info).await?;
    let mut demo = harness.dev(&demo_info, &["--demo"])?;
    harness.wait_for_dev(&mut demo, &demo_info).await?;

    let mut subjects = [
        ("serve", server.id()?),
        ("dev", dev.id().context("dev has ended")?),
        ("dev --demo", demo.id().context("dev --demo has ended")?),
    ]
    .map(|(name, process)| Subject {
        name,
        process,
        percent: Rates::default(),
        threads: BTreeMap::new(),
    });
    tokio::time::sleep(SETTLE.min(Duration::from_secs(sizes.seconds))).await;
    for round in 1..=sizes.rounds {
        progress.show(format!("P11, round {round} of {}", sizes.rounds));
        look(&mut subjects, Duration::from_secs(sizes.seconds)).await?;
    }
    server.end().await?;
    dev.kill().await?;
    demo.kill().await?;

    let rows: Vec<_> = subjects
        .iter()
        .map(|subject| (subject.name, &subject.percent))
        .collect();
    report.table(rates::table("P11: processor time", "% of a processor", &rows));
    for subject in &subjects {
        report.table(threads(subject));
    }
    let mut targets = Targets::new("P11: idle");
    for (subject, most) in subjects.iter().zip([0.5, 2.0, 6.0]) {
        targets.at_most(&format!("{}, %", subject.name), subject.percent.median(), most);
    }
    report.table(targets.finish());
    Ok(())
}

/// All of them side by side: they hardly take any time from each other.
async fn look(subjects: &mut [Subject], time: Duration) -> Result<()> {
    let before = measured(subjects)?;
    tokio::time::sleep(time).await;
    let after = measured(subjects)?;
    for ((subject, before), after) in subjects.iter_mut().zip(before).zip(after) {
        let percent = |before: Duration, after: Duration| {
            after.saturating_sub(before).as_secs_f64() / time.as_secs_f64() * 100.0
        };
        subject.percent.push(percent(before.all, after.all));
        let threads = after.threads.into_iter();
        subject.threads = threads
            .map(|(name, took)| {
                let before = before.threads.get(&name).copied().unwrap_or_default();
                (name, percent(before, took))
            })
            .collect();
    }
    Ok(())
}

/// The processor time that a process has taken so far.
struct Taken {
    all: Duration,
    /// Without those of threads that have ended.
    threads: BTreeMap<String, Duration>,
}

fn measured(subjects: &[Subject]) -> Result<Vec<Taken>> {
    let times = subjects.iter().map(|subject| {
        Ok(Taken {
            all: memory::processor_time(subject.process, None)
                .with_context(|| format!("{} has ended", subject.name))?,
            threads: memory::thread_times(subject.process)?,
        })
    });
    times.collect()
}

fn threads(subject: &Subject) -> Table {
    let title = format!(
        "P11: {}, by the names of its threads, in the last round",
        subject.name
    );
    let mut table = Table::new(&title, &["threads", "% of a processor"]);
    for (name, percent) in subject
        .threads
        .iter()
        .filter(|(_, percent)| **percent >= LEAST_PERCENT)
    {
        table.row(name, [(*percent).into()]);
    }
    table
}
