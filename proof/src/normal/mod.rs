//! `normal`: what the collector says is normal, against populations that are known because they were made.
//!
//! | part | what |
//! | --- | --- |
//! | `figures` | figures of a day are those of plain loops |
//! | `population` | sagas with random waits, and a store that learns from them |
//! | `calibration` | of sagas that are said to end by a moment with 90 %, 90 % do |
//! | `stalls` | stalled sagas are found without a limit, and slow nights are not taken for them |
//! | `versions` | a version that is worse is called so, and one that is not is not |
//! | `inference` | definitions from events are those that the events were made by |
//!
//! Rule of thumb: time is simulated. A store gets the events up to a moment, is asked as of that moment, and the answer is
//! compared with what was made. What is learnt from one week of a seed is learnt once; several seeds are looked at at the same
//! time, and each finding is shown as soon as it is there.

mod calibration;
mod figures;
mod inference;
mod population;
mod stalls;
mod versions;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinSet, spawn_blocking},
};

use self::population::Week;
use crate::{progress::Progress, report::Report};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Seeds of the populations
    #[arg(long, value_name = "SEED", num_args = 1.., default_values_t = [1, 2, 3])]
    seeds: Vec<u64>,
    /// How many sagas ended in the week from which is learnt
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(2_000..=200_000))]
    sagas: u32,
    /// Only these parts
    #[arg(long, value_name = "PART,…", value_delimiter = ',')]
    only: Vec<Part>,
    /// How many seeds and parts are looked at at the same time; as many as there are processors when not given
    #[arg(long, value_name = "COUNT")]
    together: Option<usize>,
}

/// What is shown, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Part {
    /// Every figure of Overview, statistics and flow of a day, beside plain loops
    Figures,
    /// When sagas will have ended
    Calibration,
    /// Sagas that stall without a limit
    Stalls,
    /// Versions that are alike, and versions that fail two points more often
    Versions,
    /// Definitions from events
    Inference,
}

/// What is done for a seed by one task.
#[derive(Debug, Clone, Copy)]
enum Task {
    /// Everything that goes on from a week of sagas with a definition, and without one.
    Week {
        is_defined: bool,
    },
    Figures,
    Versions,
    Inference,
}

impl Task {
    /// Those that take longest come first; otherwise the rest would wait for the last of them.
    const ALL: [Self; 5] = [
        Self::Week { is_defined: true },
        Self::Week { is_defined: false },
        Self::Figures,
        Self::Inference,
        Self::Versions,
    ];

    fn parts(self) -> &'static [Part] {
        match self {
            Self::Week { is_defined: true } => &[Part::Calibration, Part::Stalls],
            Self::Week { is_defined: false } => &[Part::Stalls],
            Self::Figures => &[Part::Figures],
            Self::Versions => &[Part::Versions],
            Self::Inference => &[Part::Inference],
        }
    }
}

/// What a task says to the run.
enum Said {
    /// How far it is.
    Doing(String),
    /// A part of a seed, looked at to its end.
    Found(Found),
}

struct Found {
    part: Part,
    seed: u64,
    took: Duration,
    report: Report,
}

/// One task of one seed.
struct Work {
    seed: u64,
    sagas: u32,
    only: Vec<Part>,
    say: mpsc::UnboundedSender<Said>,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let mut report = Report::new("normal");
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let places = Arc::new(Semaphore::new(args.together.unwrap_or_else(processors).max(1)));
    let (say, mut said) = mpsc::unbounded_channel();
    let mut working = JoinSet::new();
    for task in Task::ALL {
        for seed in &args.seeds {
            let work = Work {
                seed: *seed,
                sagas: args.sagas,
                only: args.only.clone(),
                say: say.clone(),
            };
            if !task.parts().iter().any(|part| work.wants(*part)) {
                continue;
            }
            let places = Arc::clone(&places);
            working.spawn(async move {
                let _place = places.acquire_owned().await?;
                work.run(task).await
            });
        }
    }
    drop(say);
    let mut found = Vec::new();
    while let Some(said) = said.recv().await {
        match said {
            Said::Doing(what) => progress.update(what),
            Said::Found(one) => {
                show(&one, progress);
                found.push(one);
            }
        }
    }
    let place = |seed: u64| args.seeds.iter().position(|known| *known == seed);
    found.sort_by_key(|one| (one.part, place(one.seed)));
    for one in found {
        report.merge(one.report);
    }
    // The findings of the others are reported, too, when one could not be carried out.
    while let Some(ended) = working.join_next().await {
        let failure = ended?.err().map(|error| format!("{error:#}"));
        if let Some(failure) = failure {
            report.promise("every part can be carried out", false, failure);
        }
    }
    Ok(report)
}

/// Who interrupts the run knows what was found until then.
fn show(found: &Found, progress: &Progress) {
    let (part, seed, took) = (found.part, found.seed, found.took.as_secs_f64());
    progress.show(format!("{part:?}, seed {seed}: took {took:.1} s"));
    for line in found.report.lines() {
        progress.show(format!("    {line}"));
    }
}

impl Work {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    fn doing(&self, what: impl Into<String>) {
        // Nobody listens any more when the run was interrupted.
        let _ = self.say.send(Said::Doing(what.into()));
    }

    fn found(&self, part: Part, begun: Instant, report: Report) {
        let found = Found {
            part,
            seed: self.seed,
            took: begun.elapsed(),
            report,
        };
        let _ = self.say.send(Said::Found(found));
    }

    async fn run(self, task: Task) -> Result<()> {
        let seed = self.seed;
        match task {
            Task::Week { is_defined } => return self.week(is_defined).await,
            Task::Figures => {
                let begun = Instant::now();
                self.doing(format!("figures, seed {seed}"));
                self.found(Part::Figures, begun, figures::run(seed).await?);
            }
            Task::Versions => {
                spawn_blocking(move || {
                    let begun = Instant::now();
                    self.doing(format!("versions, seed {seed}"));
                    self.found(Part::Versions, begun, versions::run(seed));
                })
                .await?;
            }
            Task::Inference => {
                spawn_blocking(move || -> Result<()> {
                    let begun = Instant::now();
                    let report = inference::run(seed, |what| self.doing(what))?;
                    self.found(Part::Inference, begun, report);
                    Ok(())
                })
                .await??;
            }
        }
        Ok(())
    }

    async fn week(&self, is_defined: bool) -> Result<()> {
        let begun = Instant::now();
        self.doing(format!("a week of sagas, seed {}", self.seed));
        let week = Week::of(self.seed, self.sagas, is_defined).await?;
        let took = begun.elapsed().as_secs_f64();
        self.doing(format!("a week of sagas, seed {}: took {took:.1} s", self.seed));
        if is_defined && self.wants(Part::Calibration) {
            let begun = Instant::now();
            let report = calibration::run(&week, |what| self.doing(what)).await?;
            self.found(Part::Calibration, begun, report);
        }
        if self.wants(Part::Stalls) {
            for night in stalls::NIGHTS
                .iter()
                .filter(|night| night.is_defined == is_defined)
            {
                let begun = Instant::now();
                let report = stalls::run(&week, night, |what| self.doing(what)).await?;
                self.found(Part::Stalls, begun, report);
            }
        }
        Ok(())
    }
}
