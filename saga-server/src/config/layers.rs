//! The layers of the configuration: a file, below the environment, below flags.

use std::path::PathBuf;

use clap::{Args, FromArgMatches};
use merge::Merge;

use super::{Settings, check_process_environment, error::ConfigError, file};

/// Where the configuration comes from: a file, below the environment, below flags.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// A configuration file (YAML)
    #[arg(long, value_name = "FILE", env = "SAGA_SERVER_CONFIG")]
    pub config: Option<PathBuf>,

    /// The name of a profile: with FILE.yml, FILE-PROFILE.yml is read too and overrides it
    #[arg(long, value_name = "PROFILE", env = "SAGA_SERVER_PROFILE")]
    pub profile: Option<String>,

    #[command(flatten)]
    settings: Settings,
}

impl ConfigArgs {
    /// A file below the environment, for commands whose own flags bear the names of keys.
    ///
    /// # Errors
    ///
    /// [`clap::Error`] when a variable cannot be read.
    pub fn of_file(config: Option<PathBuf>, profile: Option<String>) -> Result<Self, clap::Error> {
        let command = Settings::augment_args(clap::Command::new("saga-server"));
        let environment = command.try_get_matches_from(["saga-server"])?;
        Ok(Self {
            config,
            profile,
            settings: Settings::from_arg_matches(&environment)?,
        })
    }

    /// All layers, the heaviest winning.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a file cannot be read, or a key or variable is not known.
    pub fn load(&self) -> Result<Settings, ConfigError> {
        check_process_environment()?;
        let file = file::load(self.config.as_deref(), self.profile.as_deref())?;
        let mut settings = self.settings.clone();
        settings.merge(file);
        Ok(settings)
    }
}
