//! `normal`: what the collector says is normal, against populations that are known because they were made.
//!
//! | part | what |
//! | --- | --- |
//! | `figures` | figures of a day are those of plain loops |
//! | `population` | sagas with random waits, and a store that learns from them |
//! | `calibration` | of sagas that are said to end by a moment with 90 %, 90 % do |
//! | `versions` | a version that is worse is called so, and one that is not is not |
//! | `inference` | definitions from events are those that the events were made by |
//! | `stalls` | stalled sagas are found without a limit, and slow nights are not taken for them |
//!
//! Rule of thumb: time is simulated. A store gets the events up to a moment, is asked as of that moment, and the answer is
//! compared with what was made.

mod calibration;
mod figures;
mod inference;
mod population;
mod stalls;
mod versions;

use anyhow::Result;

use crate::{progress::Progress, report::Report};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Seeds of the populations
    #[arg(long, value_name = "SEED", num_args = 1.., default_values_t = [1, 2, 3])]
    seeds: Vec<u64>,
    /// How many sagas ended in the week from which is learnt
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(2_000..=200_000))]
    sagas: u32,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let mut report = Report::new("normal");
    figures::run(args, progress, &mut report).await?;
    calibration::run(args, progress, &mut report).await?;
    stalls::run(args, progress, &mut report).await?;
    versions::run(args, progress, &mut report);
    inference::run(args, progress, &mut report)?;
    Ok(report)
}
