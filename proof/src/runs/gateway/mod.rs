//! Events over HTTP while the broker and the gateway are killed: what was accepted is stored, once. And how many a second, beside
//! the SDK.

mod beside_sdk;
mod clients;
mod kills;

use std::sync::Arc;

use anyhow::{Result, ensure};

use self::{
    clients::{Answers, Clients},
    kills::Killed,
};
use super::common::{Field, FieldArgs};
use crate::{
    audit,
    progress::Progress,
    report::{Report, Table},
};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    field: FieldArgs,
    /// How many events are sent while things are killed
    #[arg(long, default_value_t = 50_000)]
    events: usize,
    /// How many of them are sent in a second, as long as they are accepted
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// How many clients send at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// How often something is killed: the gateway, the broker, and both, in turn
    #[arg(long, default_value_t = 9)]
    kills: usize,
    /// How often the rates over HTTP and by the SDK are measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// The short form: 6,000 events, 3 kills, one round of rates
    #[arg(long)]
    short: bool,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let mut args = args.clone();
    if args.short {
        (args.events, args.rate, args.kills, args.rounds) = (6_000, 600, 3, 1);
    }
    let mut report = Report::new("gateway");
    let field = Field::prepare(&args.field, args.events, progress).await?;
    beside_sdk::measure(&field, &args, &mut report, progress).await?;

    let mut collector = field.harness.serve()?;
    collector.wait_until_ready(&field.harness).await?;
    let mut gateway = field.harness.gateway(None)?;
    gateway.wait_until_ready(&field.harness).await?;
    let answers = Arc::new(Answers::default());
    let clients = Clients {
        url: gateway.url.clone(),
        plan: Arc::clone(&field.plan),
        accounting: Arc::clone(&field.accounting),
        answers: Arc::clone(&answers),
        count: args.clients,
        batch: clients::BATCH,
        rate: Some(args.rate),
    };
    progress.show(format!("sending {} events, {} a second", args.events, args.rate));
    let sending = clients.send();
    let killed = kills::kill(&field, &args, &mut gateway, progress).await?;
    clients::finish(sending).await?;
    gateway.end().await?;
    let left = field.worked_off(progress).await?;

    report.table(killed.table());
    report.table(answers.table());
    promises(&mut report, &field, &killed, &answers, left);
    ensure!(
        !collector.has_ended()?,
        "the collector ended; its log ends:\n{}",
        field.harness.last_words()
    );
    audit::everything(
        &field.parts,
        &field.plan,
        &field.accounting,
        &collector.url,
        &mut report,
        progress,
    )
    .await?;
    Ok(report)
}

fn promises(report: &mut Report, field: &Field, killed: &Killed, answers: &Answers, left: i64) {
    let accepted = field.accounting.events.count();
    report.promise(
        "every event is accepted in the end",
        accepted == field.plan.events(),
        format!("{accepted} of {}", field.plan.events()),
    );
    let unexpected = answers.unexpected();
    report.promise_none(
        "every answer is 202, or 429 or 503 with Retry-After, and has the results in order",
        unexpected.len(),
        &unexpected,
    );
    report.promise(
        "everything was killed while events were sent",
        killed.too_late == 0,
        format!("{} of {} too late", killed.too_late, killed.times),
    );
    report.promise_none(
        "the gateway never ends by itself",
        killed.ended,
        &[field.harness.last_words()],
    );
    report.promise_none(
        "nothing panics",
        field.harness.panics(),
        &[field.harness.last_words()],
    );
    report.promise(
        "everything is worked off",
        left == 0,
        format!("{left} records left"),
    );
}

impl Killed {
    fn table(&self) -> Table {
        let mut table = Table::of_figures("Killed with SIGKILL, while events were sent");
        table.figure("gateway", self.gateway);
        table.figure("broker", self.broker);
        table.figure("of them at the same time", self.both);
        table
    }
}
