//! Every figure of Overview, statistics and flow of a day, against plain loops over sagas that come unevenly.
//!
//! | part | what |
//! | --- | --- |
//! | `sagas` | the sagas, as plain values and as events |
//! | `overview` | Overview and statistics |
//! | `flow` | the flow |
//! | `worst` | errors, and percentiles by plain sorting |

mod flow;
mod overview;
mod sagas;
mod worst;

use anyhow::Result;
use fastrand::Rng;
use saga_store::{Span, Width};
use saga_types::Timestamp;

use self::{
    sagas::{SAGAS, Saga},
    worst::Worst,
};
use super::population::{BEGIN, Clockwork, HOUR};
use crate::report::{Report, Table};

/// As many sagas as pages and REST read.
const MOST: u32 = 10_000;

/// A kind of figures, the worst error of them, and what is promised.
type Compared = (&'static str, Worst, f64);

/// A day of sagas, and those of the period before.
struct Day<'a> {
    span: Span,
    sagas: Vec<&'a Saga>,
    before: Vec<&'a Saga>,
}

pub(super) async fn run(seed: u64) -> Result<Report> {
    let mut report = Report::new("figures");
    let mut table = Table::new(
        &format!("Worst errors over {SAGAS} uneven sagas"),
        &["seed and figure", "compared", "worst", "promised"],
    );
    for (figure, worst, promised) in compare(seed).await? {
        table.row(
            &format!("{seed}, {figure}"),
            [worst.compared.into(), worst.error.into(), promised.into()],
        );
        report.promise(
            &format!("{figure} (seed {seed})"),
            worst.compared > 0 && worst.error <= promised,
            format!("{:.4}", worst.error),
        );
    }
    report.table(table);
    Ok(report)
}

async fn compare(seed: u64) -> Result<Vec<Compared>> {
    let mut rng = Rng::with_seed(seed);
    let begin = Timestamp::from_millis(BEGIN)?;
    let (sagas, made) = sagas::sagas(&mut rng, begin)?;
    let mut clockwork = Clockwork::of(&made).await?;
    clockwork.until(Timestamp::MAX).await?;
    // It begins and ends within a minute.
    let last = Timestamp::from_millis(begin.as_millis() + 32 * HOUR - 123_456)?;
    let span = Span::ending_at(last, Width::Hour, 24);
    let of = |span: &Span| {
        let (from, to) = span.ends();
        let of_span = sagas
            .iter()
            .filter(|saga| from <= saga.started && saga.started <= to);
        of_span.collect::<Vec<&Saga>>()
    };
    let day = Day {
        sagas: of(&span),
        before: of(&span.previous()),
        span,
    };
    let mut compared = overview::compare(&*clockwork.store, &day).await?;
    compared.extend(flow::compare(&*clockwork.store, &day).await?);
    Ok(compared)
}
