//! `archive`: sagas that left the database.

use std::{fmt::Write as _, path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use saga_types::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{CliError, block_on, logging, output};
use crate::{
    config::{ConfigArgs, Settings, load_definitions},
    dev::DATABASE_FILE,
};
use saga_collector::{
    archive::{self, Archive, ArchiveError, Wanted},
    maintenance::retention::{DEFAULT_BATCH, Retention, RetentionError},
};
use saga_store::{Store, StoreOptions};

#[derive(Debug, Args)]
pub(super) struct ArchiveArgs {
    #[command(subcommand)]
    command: ArchiveCommand,
}

#[derive(Debug, Subcommand)]
enum ArchiveCommand {
    /// List the batches in the archive: when, how many sagas and steps, from when to when
    List(ListArgs),
    /// Restore sagas into a database of their own, which `saga-server dev --data-dir DIR` shows
    Restore(RestoreArgs),
    /// Rebuild the archive's index from its batches: when it is missing or damaged, or batches were added or deleted by others
    Index(ListArgs),
    /// Archive and remove at once what is due, as a running collector does by itself
    Run(RunArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// The folder for the database; one that was restored there before is added to
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// A saga's id; may be repeated [default: all sagas]
    #[arg(long = "saga", value_name = "ID")]
    sagas: Vec<String>,

    /// Only sagas that changed at this moment (RFC 3339) or later
    #[arg(long, value_name = "TIME")]
    changed_from: Option<Timestamp>,

    /// Only sagas that started at this moment (RFC 3339) or before
    #[arg(long, value_name = "TIME")]
    started_until: Option<Timestamp>,

    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Only report how many sagas are due
    #[arg(long)]
    dry_run: bool,

    /// The most sagas archived at once
    #[arg(long, value_name = "NUMBER", default_value_t = DEFAULT_BATCH, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,

    #[command(flatten)]
    config: ConfigArgs,
}

impl ArchiveArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self.command {
            ArchiveCommand::List(args) => args.run(),
            ArchiveCommand::Restore(args) => args.run(),
            ArchiveCommand::Index(args) => args.index(),
            ArchiveCommand::Run(args) => args.run(),
        }
    }
}

impl ListArgs {
    fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let archive = open(&settings)?;
        let manifests = block_on(async { Ok(archive.manifests().await?) })?;
        let mut text = String::new();
        for batch in &manifests {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{}  {} sagas  {} steps  {} to {}  {} bytes",
                batch.folder,
                batch.sagas.rows,
                batch.steps.rows,
                batch.from,
                batch.to,
                batch.sagas.bytes + batch.steps.bytes
            );
        }
        let sagas: u64 = manifests.iter().map(|batch| batch.sagas.rows).sum();
        let _ = writeln!(text, "{} batches, {sagas} sagas", manifests.len());
        output::print(&text)
    }

    fn index(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let archive = open(&settings)?;
        let indexed = block_on(async { Ok(archive::index(&archive).await?) })?;
        output::print(&format!(
            "{} batches, {} sagas: {} added, {} dropped\n",
            indexed.batches, indexed.sagas, indexed.added, indexed.dropped
        ))?;
        for reason in &indexed.unreadable {
            output::complain(reason);
        }
        match indexed.unreadable.len() {
            0 => Ok(()),
            count => Err(CliError::failed(format_args!(
                "{count} batches cannot be read and are not in the index"
            ))),
        }
    }
}

impl RestoreArgs {
    fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let archive = open(&settings)?;
        std::fs::create_dir_all(&self.to)
            .map_err(|error| CliError::failed(format_args!("{}: {error}", self.to.display())))?;
        let database = format!("sqlite:{}", self.to.join(DATABASE_FILE).display());
        let wanted = Wanted {
            saga_ids: self.sagas.into_iter().collect(),
            from: self.changed_from,
            to: self.started_until,
        };
        let restored = block_on(async {
            let store = connect(&settings, &database, 2).await?;
            store.migrate().await?;
            Ok(archive::restore(&archive, store.as_ref(), &wanted).await?)
        })?;
        for saga_id in &restored.differing {
            output::complain(&format!(
                "saga {saga_id}: its state by today's definitions is not the archived one"
            ));
        }
        output::print(&format!(
            "{} sagas, {} steps new in {}\nto view them: saga-server dev --data-dir {}\n",
            restored.sagas,
            restored.events,
            self.to.join(DATABASE_FILE).display(),
            self.to.display()
        ))
    }
}

impl RunArgs {
    fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let database = settings.database()?;
        let periods = settings.retention()?.periods.of_sagas();
        if periods.are_endless() {
            let message = "retention.after and retention.unfinishedAfter are 0s: sagas stay for ever, so nothing is ever due";
            return Err(CliError::usage(message));
        }
        let archive = open(&settings)?;
        let said = block_on(async {
            let store = connect(&settings, database.url.expose(), database.max_connections).await?;
            store.check().await?;
            let retention = Retention::new(store, Some(archive), periods).batch(self.batch);
            if self.dry_run {
                return Ok(format!("{} sagas are due\n", retention.due().await?));
            }
            let done = retention.run(&CancellationToken::new()).await?;
            Ok(format!(
                "{} sagas archived and removed from the database\n",
                done.archived
            ))
        })?;
        output::print(&said)
    }
}

fn open(settings: &Settings) -> Result<Archive, CliError> {
    let url = settings.retention()?.archive.ok_or_else(|| {
        CliError::usage(
            "archive.url is not set: where is the archive? (--archive-url file:///FOLDER or s3://BUCKET/PREFIX)",
        )
    })?;
    Ok(Archive::open(&url)?)
}

async fn connect(settings: &Settings, url: &str, max_connections: u32) -> Result<Arc<dyn Store>, CliError> {
    let definitions = load_definitions(&settings.definitions_dir)?;
    let options = StoreOptions {
        definitions: definitions.into(),
        max_connections,
    };
    Ok(saga_store::connect(url, options).await?)
}

impl From<ArchiveError> for CliError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Store(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<RetentionError> for CliError {
    fn from(error: RetentionError) -> Self {
        match error {
            RetentionError::Store(error) => error.into(),
            RetentionError::Archive(error) => error.into(),
            other => Self::failed(other),
        }
    }
}
