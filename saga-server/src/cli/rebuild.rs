//! `rebuild`: what is kept of each saga, made anew from its steps.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use saga_types::keys;
use serde_json::{Map, Value, json};

use super::{CliError, block_on, logging, output, rebuild_groups::Groups};
use crate::config::{ConfigArgs, load_definitions};
use saga_collector::redaction::{REDACTED, Redaction};
use saga_store::{Difference, DifferenceKind, Rebuild, Store, StoreOptions};

/// How many sagas are taken at a time.
const AT_A_TIME: u32 = 500;

/// How often a long run reports its progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    /// Only report what would change; the exit code is 3 when something would
    #[arg(long)]
    dry_run: bool,

    /// Print each saga that differs, and how, before the groups
    #[arg(long)]
    list: bool,

    /// Print one JSON object for each saga that differs, and one with the sums and groups at the end
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    config: ConfigArgs,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    sagas: usize,
    differing: usize,
    counts: u64,
    groups: Groups,
}

impl RebuildArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        let database = settings.database()?;
        let definitions = load_definitions(&settings.definitions_dir()?)?;
        let redaction = settings.redaction.resolve()?;
        logging::start(&settings.log());
        let options = StoreOptions {
            definitions: Arc::new(definitions),
            max_connections: 2,
        };
        block_on(async {
            let store = saga_store::connect(database.url.expose(), options).await?;
            store.check().await?;
            let found = self.rebuild(store.as_ref(), &redaction).await?;
            self.conclude(&found)
        })
    }

    async fn rebuild(&self, store: &dyn Store, redaction: &Redaction) -> Result<Found, CliError> {
        let rebuild = if self.dry_run {
            Rebuild::DryRun
        } else {
            Rebuild::Write
        };
        let (mut found, mut after) = (Found::default(), None);
        let mut reported = Instant::now();
        loop {
            let rebuilt = store.rebuild(after.as_deref(), AT_A_TIME, rebuild).await?;
            found.sagas += rebuilt.sagas;
            found.differing += rebuilt.differences.len();
            for mut difference in rebuilt.differences {
                hide(&mut difference, redaction);
                found.groups.add(&difference);
                if self.list || self.json {
                    output::print(&self.line(&difference))?;
                }
            }
            if rebuilt.last.is_none() {
                break;
            }
            after = rebuilt.last;
            if reported.elapsed() >= PROGRESS_INTERVAL {
                reported = Instant::now();
                output::complain(&format!(
                    "{} sagas so far, {} differ",
                    found.sagas, found.differing
                ));
            }
        }
        found.counts = store.recount(rebuild).await?;
        Ok(found)
    }

    fn line(&self, Difference { saga_id, kind, .. }: &Difference) -> String {
        match (self.json, kind) {
            (true, kind) => format!("{}\n", as_json(saga_id, kind)),
            (false, DifferenceKind::Missing) => format!("{saga_id}: was missing\n"),
            (false, DifferenceKind::Unreadable) => format!("{saga_id}: could not be read\n"),
            (false, DifferenceKind::WithoutSteps) => {
                format!("{saga_id}: has no steps, and is left as it is\n")
            }
            (false, DifferenceKind::Changed(fields)) => {
                let fields = fields
                    .iter()
                    .map(|(name, (before, after))| format!("{name} {before} -> {after}"));
                format!("{saga_id}: {}\n", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn conclude(&self, found: &Found) -> Result<(), CliError> {
        let Found {
            sagas,
            differing,
            counts,
            groups,
        } = found;
        if self.json {
            let sums = json!({
                "sagas": sagas, "differing": differing, "wrongCounts": counts, "dryRun": self.dry_run,
                "groups": groups.to_json(),
            });
            output::print(&format!("{sums}\n"))?;
        } else {
            let done = if self.dry_run {
                "nothing was written"
            } else {
                "all is as the steps say now"
            };
            output::print(&format!(
                "{groups}{sagas} sagas, {differing} differed from their steps; {counts} counts of the statistics were wrong; {done}\n"
            ))?;
        }
        if self.dry_run && (*differing > 0 || *counts > 0) {
            return Err(CliError::Differences);
        }
        Ok(())
    }
}

/// The reason of a failure is metadata, and the summary quotes it.
fn hide(difference: &mut Difference, redaction: &Redaction) {
    let DifferenceKind::Changed(fields) = &mut difference.kind else {
        return;
    };
    if redaction.hides(keys::FAILURE_REASON) {
        for name in [keys::FAILURE_REASON, "failureGroup", "summary"] {
            if let Some((before, after)) = fields.get_mut(name) {
                hide_text(before);
                hide_text(after);
            }
        }
    }
}

fn hide_text(value: &mut Value) {
    if !value.is_null() {
        *value = REDACTED.into();
    }
}

fn as_json(saga_id: &str, kind: &DifferenceKind) -> Value {
    match kind {
        DifferenceKind::Missing => json!({"sagaId": saga_id, "difference": "MISSING"}),
        DifferenceKind::Unreadable => json!({"sagaId": saga_id, "difference": "UNREADABLE"}),
        DifferenceKind::WithoutSteps => json!({"sagaId": saga_id, "difference": "WITHOUT_STEPS"}),
        DifferenceKind::Changed(fields) => {
            let changes: Map<String, Value> = fields
                .iter()
                .map(|(name, (before, after))| (name.clone(), json!({"before": before, "after": after})))
                .collect();
            json!({"sagaId": saga_id, "difference": "CHANGED", "changes": changes})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_hidden_elsewhere_is_hidden_here() {
        let changed = |name: &str| (name.to_owned(), (Value::Null, json!("card 4711")));
        let mut difference = Difference {
            saga_id: "saga-1".to_owned(),
            saga_type: None,
            kind: DifferenceKind::Changed(["failureReason", "summary", "lastStep"].map(changed).into()),
        };
        hide(&mut difference, &Redaction::default());
        assert_eq!(
            as_json("saga-1", &difference.kind)
                .to_string()
                .matches("4711")
                .count(),
            3
        );
        hide(&mut difference, &Redaction::of(&["failureReason"]).unwrap());
        let shown = as_json("saga-1", &difference.kind)["changes"].clone();
        for name in ["failureReason", "summary"] {
            assert_eq!(shown[name], json!({"before": null, "after": "***"}), "{name}");
        }
        assert_eq!(shown["lastStep"]["after"], "card 4711");
    }
}
