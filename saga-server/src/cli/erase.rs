//! `erase`: a person's data leaves the database, the archive and the dead letters; no running collector is needed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;

use super::{CliError, block_on, by::ByArgs, logging, output};
use crate::config::{ConfigArgs, Settings, load_definitions};
use saga_collector::{
    archive::Archive,
    dead_letters::DeadLetters,
    erasure::{ErasureError, ErasureOrder, ErasureReport, ErasureWaits, Erasures},
    metrics::Metrics,
};
use saga_store::{MetadataValue, StoreOptions};

/// How long one piece of work takes, until its progress is reported.
const WITHIN: Duration = Duration::from_secs(10);

/// How often and for how long it is retried while others have the archive: longer than a lease lasts.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
const RETRIED_FOR: Duration = Duration::from_secs(90);

#[derive(Debug, Args)]
pub(super) struct EraseArgs {
    /// The key at the top of the metadata, and its value: customerId=C-17
    #[arg(long, value_name = "KEY=VALUE", value_parser = metadata)]
    metadata: MetadataValue,

    /// Only count what would be erased; the exit code is 3 when there is something
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    by: ByArgs,

    /// Print JSON, as POST /internal/v1/erase answers
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    config: ConfigArgs,
}

fn metadata(text: &str) -> Result<MetadataValue, String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("must be KEY=VALUE, such as customerId=C-17")?;
    MetadataValue::new(key, value).map_err(|error| error.to_string())
}

impl EraseArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let order = ErasureOrder {
            value: self.metadata,
            by: self.by.actor(),
            dry_run: self.dry_run,
            from: None,
            within: WITHIN,
        };
        let done = block_on(async { to_the_end(&open(&settings).await?, order).await })?;
        if self.json {
            output::print_json(&done)?;
        } else {
            output::print(&words(&done))?;
        }
        if done.dry_run && done.sagas + done.archived_sagas + done.dead_letters + done.notes > 0 {
            return Err(CliError::Differences);
        }
        Ok(())
    }
}

async fn open(settings: &Settings) -> Result<Erasures, CliError> {
    let database = settings.database()?;
    let definitions = load_definitions(&settings.definitions_dir()?)?;
    let options = StoreOptions {
        definitions: definitions.into(),
        max_connections: 2,
    };
    let archive = settings.retention()?.archive;
    let archive = archive.map(|url| Archive::open(&url)).transpose()?;
    let store = saga_store::connect(database.url.expose(), options).await?;
    store.check().await?;
    let letters = DeadLetters::new(
        store.clone(),
        settings.schema_registry()?,
        // The numbers of this process end with it.
        Arc::new(Metrics::new([])),
        settings.redaction.resolve()?.into(),
    );
    Ok(Erasures::new(store, archive, Arc::new(letters)))
}

/// Repeats until everything was searched; waits for others for a bounded time.
async fn to_the_end(erasures: &Erasures, mut order: ErasureOrder) -> Result<ErasureReport, CliError> {
    let mut all = ErasureReport::default();
    let mut waits_since: Option<Instant> = None;
    loop {
        let report = erasures.erase(&order).await?;
        add(&mut all, &report);
        order.from = report.next.clone();
        match report.waits_for {
            None => waits_since = None,
            Some(reason) => {
                let since = *waits_since.get_or_insert_with(Instant::now);
                if since.elapsed() > RETRIED_FOR {
                    return Err(CliError::failed(unfinished(reason)));
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
        if report.complete {
            all.complete = true;
            return Ok(all);
        }
        output::complain(&format!("so far: {}", counts(&all)));
    }
}

fn add(all: &mut ErasureReport, report: &ErasureReport) {
    all.dry_run = report.dry_run;
    all.archive_configured = report.archive_configured;
    all.still_kept.clone_from(&report.still_kept);
    all.sagas += report.sagas;
    all.events += report.events;
    all.archived_sagas += report.archived_sagas;
    all.archived_events += report.archived_events;
    all.dead_letters += report.dead_letters;
    all.notes += report.notes;
}

fn unfinished(reason: ErasureWaits) -> &'static str {
    match reason {
        ErasureWaits::BatchBeingArchived => {
            "sagas are being archived, or the collector that did it was killed: let a collector or `saga-server archive run` \
             finish that, then run this command again; what was erased until now stays erased"
        }
        ErasureWaits::OtherErasure => {
            "another erasure changes the archive: run this command again when it has ended; what was erased until now stays erased"
        }
    }
}

fn counts(report: &ErasureReport) -> String {
    format!(
        "{} sagas with {} events in the database, {} with {} in the archive, {} dead letters, {} notes and saved views",
        report.sagas,
        report.events,
        report.archived_sagas,
        report.archived_events,
        report.dead_letters,
        report.notes
    )
}

fn words(report: &ErasureReport) -> String {
    let would = if report.dry_run {
        "would be erased"
    } else {
        "erased"
    };
    let mut text = format!("{would}: {}\n", counts(report));
    if !report.archive_configured {
        text.push_str("archive.url is not set: no archive was searched\n");
    }
    text.push_str("still kept:\n");
    for kept in &report.still_kept {
        text.push_str(&format!("- {kept}\n"));
    }
    text
}

impl From<ErasureError> for CliError {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Store(error) => error.into(),
            ErasureError::Archive(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_ends_at_the_first_equals_sign() {
        let read = metadata("customerId=a=b").unwrap();
        assert_eq!((read.key(), read.value()), ("customerId", "a=b"));
    }

    #[test]
    fn what_is_no_key_and_value_is_refused_with_words() {
        for (text, words) in [
            ("customerId", "KEY=VALUE"),
            ("=C-17", "the key must have"),
            ("customerId=", "must not be empty"),
            ("traceId=x", "traceId names no person"),
        ] {
            assert!(metadata(text).unwrap_err().contains(words), "{text}");
        }
    }
}
