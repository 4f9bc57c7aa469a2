//! What the collector made of the topic, compared with what was acknowledged.

pub(crate) mod dead_letters;
mod lag_probe;
mod rest;
mod store;

use anyhow::Result;

pub(crate) use lag_probe::LagProbe;

use crate::{
    accounting::Accounting,
    events::Plan,
    parts::Parts,
    progress::Progress,
    report::{Report, Table},
};

/// Compares every acknowledged event and every bad record, and a sample of what REST answers; adds a table and the
/// promises to the report.
pub(crate) async fn everything(
    parts: &Parts,
    plan: &Plan,
    accounting: &Accounting,
    url: &str,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let pool = parts.database().await?;
    let stored = store::audit(&pool, plan, accounting, progress).await?;
    progress.show("comparing the dead letters");
    let letters = tokio::task::block_in_place(|| dead_letters::audit(&parts.bootstrap_servers, accounting))?;
    progress.show("asking REST");
    let answers = rest::audit(url, plan, accounting).await?;

    let mut table = Table::of_figures("Audit");
    table.figure("events acknowledged", accounting.events.count());
    table.figure("of them twice", accounting.repeats());
    table.figure("bad records acknowledged", accounting.poisoned().len());
    stored.figures(&mut table);
    letters.figures(&mut table);
    table.figure("sagas asked of REST", answers.asked);
    report.table(table);
    report.promise_none(
        "the broker takes every record in the end",
        accounting.refused(),
        &[],
    );
    stored.promises(report);
    letters.promises(report);
    report.promise_none(
        "REST answers the fold of what was acknowledged",
        answers.wrong.len(),
        &answers.wrong,
    );
    Ok(())
}

/// Examples of what is wrong: a few say enough.
#[derive(Debug, Default)]
struct Examples {
    count: usize,
    first: Vec<String>,
}

impl Examples {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < 3 {
            self.first.push(example());
        }
    }

    fn promise_none(&self, promise: &str, report: &mut Report) {
        report.promise_none(promise, self.count, &self.first);
    }
}
