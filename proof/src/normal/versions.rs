//! Whether a version is worse: how often that is said of versions that are alike, and how soon of one that is.

use fastrand::Rng;
use saga_normal::{
    sequential::{MARGIN, Verdict},
    simulation::{Rates, looked_at_every_minute, looked_at_to_the_end},
};

use super::Args;
use crate::{
    progress::Progress,
    report::{Report, Table},
};

/// How many pairs of versions that are alike are looked at, and how many sagas each pair has at the most.
const ALIKE: u32 = 1_000;
const OF_ALIKE: u64 = 20_000;

/// How many candidates that are worse by two points.
const WORSE: u32 = 200;

/// The failure rate before, and how many sagas of both versions together there are until it must be called. The more of them fail
/// anyway, the more are needed.
const CALLED: [(f64, u64); 4] = [(0.01, 10_000), (0.02, 10_000), (0.04, 10_000), (0.08, 20_000)];

pub(super) fn run(args: &Args, progress: &Progress, report: &mut Report) {
    let mut alike = Table::new(
        "Versions that are alike, looked at after every minute",
        &["seed", "pairs", "ever called worse", "ever called not worse"],
    );
    let mut worse = Table::new(
        "Versions that fail two points more often",
        &[
            "seed, rate before",
            "pairs",
            "sagas",
            "called worse",
            "called not worse",
        ],
    );
    for seed in &args.seeds {
        progress.update(format!("versions that are alike, seed {seed}"));
        let (alarms, unmarked) = looked_at_alike(*seed);
        alike.row(&seed.to_string(), [ALIKE.into(), alarms.into(), unmarked.into()]);
        report.promise(
            &format!("of versions that are alike at most 5 % are ever called worse (seed {seed})"),
            alarms <= ALIKE / 20,
            format!("{alarms} of {ALIKE}"),
        );
        for (rate, sagas) in CALLED {
            progress.update(format!("versions that are worse, seed {seed}, {rate}"));
            let (called, missed) = looked_at(*seed, Rates::new(rate, rate + 0.02), sagas, WORSE);
            worse.row(
                &format!("{seed}, {:.0} %", rate * 100.0),
                [WORSE.into(), sagas.into(), called.into(), missed.into()],
            );
            report.promise(
                &format!(
                    "two points more than {:.0} % are called before {sagas} sagas (seed {seed})",
                    rate * 100.0
                ),
                called >= WORSE * 9 / 10,
                format!("{called} of {WORSE}"),
            );
        }
    }
    report.table(alike);
    report.table(worse);
}

/// How many were ever called worse, and how many ever not worse; after either somebody goes on looking.
fn looked_at_alike(seed: u64) -> (u32, u32) {
    let mut random = Rng::with_seed(seed);
    let mut counts = (0, 0);
    for _ in 0..ALIKE {
        let called = looked_at_to_the_end(&mut random, Rates::new(0.04, 0.04), OF_ALIKE, MARGIN);
        counts.0 += u32::from(called.worse);
        counts.1 += u32::from(called.not_worse);
    }
    counts
}

/// How many were called worse first, and how many not worse.
fn looked_at(seed: u64, rates: Rates, sagas: u64, pairs: u32) -> (u32, u32) {
    let mut random = Rng::with_seed(seed);
    let mut counts = (0, 0);
    for _ in 0..pairs {
        match looked_at_every_minute(&mut random, rates, sagas, MARGIN).verdict {
            Verdict::Worse => counts.0 += 1,
            Verdict::NotWorse => counts.1 += 1,
            Verdict::NotYetKnown => {}
        }
    }
    counts
}
