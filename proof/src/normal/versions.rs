//! Whether a version is worse: how often that is said of versions that are alike, and how soon of one that is.

use fastrand::Rng;
use saga_normal::{
    sequential::{MARGIN, Verdict},
    simulation::{Rates, looked_at_every_minute, looked_at_to_the_end},
};

use crate::report::{Report, Table};

/// How many pairs of versions that are alike are looked at, and how many sagas each pair has at the most.
const ALIKE: u32 = 1_000;
const SAGAS: u64 = 20_000;

/// The share of sagas of versions that are alike that fail.
const RATE_OF_ALIKE: f64 = 0.04;

/// How many candidates that are worse by two points.
const WORSE: u32 = 1_000;

/// The failure rate before, how many sagas of both versions together there are until one that is worse must be called, and how
/// many of 100 must be. The more sagas fail anyway, the more are needed: of 5,000 sagas a test that knows both rates, and errs
/// as seldom, calls 86 of 100 where 4 % fail, and 65 where 8 % do.
const CALLED: [(f64, u64, u32); 4] = [
    (0.01, 5_000, 90),
    (0.02, 5_000, 90),
    (0.04, 5_000, 50),
    (0.08, 10_000, 50),
];

/// Of candidates that are worse.
#[derive(Default)]
struct Called {
    /// After how many sagas of both versions each that was called worse was.
    worse_after: Vec<u64>,
    not_worse: u32,
}

pub(super) fn run(seed: u64) -> Report {
    let mut report = Report::new("versions");
    let mut alike = Table::new(
        "Versions that are alike, looked at after every minute",
        &["seed", "pairs", "ever called worse", "ever called not worse"],
    );
    let (alarms, unmarked) = looked_at_alike(seed);
    alike.row(&seed.to_string(), [ALIKE.into(), alarms.into(), unmarked.into()]);
    report.table(alike);
    report.promise(
        &format!("of versions that are alike at most 5 % are ever called worse (seed {seed})"),
        alarms <= ALIKE / 20,
        format!("{alarms} of {ALIKE}"),
    );
    let mut worse = Table::new(
        "Versions that fail two points more often",
        &[
            "seed, rate before",
            "pairs",
            "called before 5,000 sagas",
            "half of them before",
            "90 % before",
            "called not worse",
        ],
    );
    for (rate, sagas, percent) in CALLED {
        let called = looked_at(seed, Rates::new(rate, rate + 0.02));
        worse.row(
            &format!("{seed}, {:.0} %", rate * 100.0),
            [
                WORSE.into(),
                called.before(5_000).into(),
                called.sagas_until(50).into(),
                called.sagas_until(90).into(),
                called.not_worse.into(),
            ],
        );
        let in_time = called.before(sagas);
        report.promise(
            &format!(
                "of candidates with two points more than {:.0} % at least {percent} % are called before {sagas} sagas (seed {seed})",
                rate * 100.0
            ),
            in_time * 100 >= WORSE * percent,
            format!("{in_time} of {WORSE}"),
        );
    }
    report.table(worse);
    report
}

/// How many were ever called worse, and how many ever not worse; after either somebody goes on looking.
fn looked_at_alike(seed: u64) -> (u32, u32) {
    let mut random = Rng::with_seed(seed);
    let rates = Rates::new(RATE_OF_ALIKE, RATE_OF_ALIKE);
    let mut counts = (0, 0);
    for _ in 0..ALIKE {
        let called = looked_at_to_the_end(&mut random, rates, SAGAS, MARGIN);
        counts.0 += u32::from(called.worse);
        counts.1 += u32::from(called.not_worse);
    }
    counts
}

fn looked_at(seed: u64, rates: Rates) -> Called {
    let mut random = Rng::with_seed(seed);
    let mut called = Called::default();
    for _ in 0..WORSE {
        let judgement = looked_at_every_minute(&mut random, rates, SAGAS, MARGIN);
        match judgement.verdict {
            Verdict::Worse => {
                let sagas = judgement.baseline.all + judgement.candidate.all;
                called.worse_after.push(sagas);
            }
            Verdict::NotWorse => called.not_worse += 1,
            Verdict::NotYetKnown => {}
        }
    }
    called.worse_after.sort_unstable();
    called
}

impl Called {
    fn before(&self, sagas: u64) -> u32 {
        let in_time = self.worse_after.partition_point(|after| *after < sagas);
        u32::try_from(in_time).unwrap_or(WORSE)
    }

    /// After how many sagas so many of 100 candidates had been called worse; none when fewer ever were.
    fn sagas_until(&self, percent: u32) -> Option<u64> {
        let place = (WORSE * percent).div_ceil(100).checked_sub(1)?;
        self.worse_after.get(usize::try_from(place).ok()?).copied()
    }
}
