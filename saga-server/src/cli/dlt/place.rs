//! Where the letters are: in the database, or behind a running tracker, which then is asked.

use clap::Args;

use crate::{
    cli::{
        CliError,
        by::ByArgs,
        logging,
        tracker::{Tracker, TrackerArgs},
        unused::Given,
    },
    config::{ConfigArgs, Settings},
};

#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    // Before the options themselves, which are taken out of what was given.
    #[command(flatten)]
    given: Given,

    #[command(flatten)]
    tracker: TrackerArgs,

    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) enum Place {
    Database(Box<Settings>),
    Tracker(Tracker),
}

impl PlaceArgs {
    /// A tracker that flags name overrides the database, and one that variables name does not.
    pub(super) fn find(self, by: Option<&ByArgs>) -> Result<Place, CliError> {
        if self.tracker.is_named_by_flags() {
            return self.ask_tracker(by);
        }
        let settings = self.config.load()?;
        if settings.database.url.is_none() && self.tracker.is_named_by_variables() {
            return self.ask_tracker(by);
        }
        if self.tracker.has_token() {
            return Err(CliError::usage(
                "--token is not used for letters in the database (database.url): to ask a tracker, add --url or --context",
            ));
        }
        logging::start(&settings.log());
        Ok(Place::Database(settings.into()))
    }

    fn ask_tracker(self, by: Option<&ByArgs>) -> Result<Place, CliError> {
        if let Some(flag) = self.given.0 {
            return Err(CliError::usage(format_args!(
                "{flag} is not used where a tracker is asked, which has a configuration of its own"
            )));
        }
        if by.is_some_and(ByArgs::is_given) {
            return Err(CliError::usage(
                "--by is not used where a tracker is asked: it writes down the holder of the token",
            ));
        }
        Ok(Place::Tracker(self.tracker.connect()?))
    }
}
