//! `dev`: everything in one process.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use merge::Merge as _;

use super::{CliError, block_on, logging, output, signals};
use crate::{
    config::{
        ArchiveSettings, AuthSettings, Config, LogSettings, OwnerSetting, PagesSettings, RedactionSettings,
        Settings, TelemetrySettings, check_process_environment, load_file,
    },
    dev::{self, DevOptions},
};

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    /// A configuration file (YAML), with webhooks, sources and whatever else is to be tried; broker, database, retention and archive
    /// stay those of dev
    #[arg(long, value_name = "FILE", env = "SAGA_SERVER_CONFIG")]
    config: Option<PathBuf>,

    /// The name of a profile: with FILE.yml, FILE-PROFILE.yml is read too and overrides it
    #[arg(long, value_name = "PROFILE", env = "SAGA_SERVER_PROFILE")]
    profile: Option<String>,

    /// Where HTTP is answered: address and port, 0 for a free one
    #[arg(id = "listen", long, value_name = "ADDRESS", env = "SAGA_SERVER_LISTEN")]
    listen: Option<SocketAddr>,

    /// Let other machines read without a token, when there are no tokens
    #[arg(long, env = "SAGA_SERVER_ALLOW_UNAUTHENTICATED")]
    allow_unauthenticated: bool,

    #[command(flatten)]
    auth: AuthSettings,

    /// Where the database is kept between runs [default: a fresh folder, deleted at the end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Where to write the addresses, as JSON, once everything is ready
    #[arg(long, value_name = "FILE")]
    info_file: Option<PathBuf>,

    /// Run the example services too, with customers who place an order every second
    #[arg(long)]
    demo: bool,

    /// A folder of saga definitions (*.yml) that add to the built-in ones, or replace them
    #[arg(long = "definitions", value_name = "DIR", env = "SAGA_SERVER_DEFINITIONS_DIR")]
    definitions_dir: Option<PathBuf>,

    #[command(flatten)]
    redaction: RedactionSettings,

    #[command(flatten)]
    pages: PagesSettings,

    /// Whom to ask about a service or a saga type: NAME=TEAM,CHANNEL,RUNBOOK, several with semicolons between
    #[arg(
        long = "owner",
        value_name = "NAME=TEAM,CHANNEL,RUNBOOK",
        env = "SAGA_SERVER_OWNERS",
        value_delimiter = ';'
    )]
    owners: Option<Vec<OwnerSetting>>,

    #[command(flatten)]
    log: LogSettings,

    #[command(flatten)]
    telemetry: TelemetrySettings,
}

impl DevArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let config = self.config()?;
        signals::limit_shutdown(config.shutdown_timeout)?;
        let options = DevOptions {
            listen: config.listen,
            data_dir: self.data_dir,
            info_file: self.info_file,
            demo: self.demo,
        };
        block_on(async {
            let telemetry = logging::start_with_traces(&config.log, config.telemetry.as_ref())?;
            let shutdown = signals::shutdown()?;
            let ended = dev::run(options, config, shutdown).await;
            telemetry.end().await;
            Ok(ended?)
        })
    }

    fn config(&self) -> Result<Config, CliError> {
        let mut settings = Settings {
            listen: self.listen,
            allow_unauthenticated: self.allow_unauthenticated.then_some(true),
            auth: self.auth.clone(),
            definitions_dir: self.definitions_dir.clone(),
            redaction: self.redaction.clone(),
            pages: self.pages.clone(),
            owners: self.owners.clone(),
            log: self.log.clone(),
            telemetry: self.telemetry.clone(),
            ..Settings::default()
        };
        check_process_environment()?;
        let file = load_file(self.config.as_deref(), self.profile.as_deref())?;
        let unused = dev::unused(&file);
        if !unused.is_empty() {
            output::complain(&format!(
                "dev has a broker, a database and periods of its own: not used of the file are {}",
                unused.join(", ")
            ));
        }
        settings.merge(file);
        // An erasure here would reach into the archive of others.
        settings.archive = ArchiveSettings::default();
        Ok(dev::resolve(settings)?)
    }
}
