//! How long things stay in the database, and where sagas go.

use std::{fmt, time::Duration};

use clap::Args;
use merge::Merge;
use serde::Deserialize;

use super::{ConfigError, Period, checks::period_within};
use saga_collector::{
    archive::ArchiveUrl,
    maintenance::{RetentionConfig, RetentionPeriods},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The default periods, in days.
const DEFAULT_AFTER: u32 = 90;
const DEFAULT_UNFINISHED_AFTER: u32 = 365;
/// As long as their topic keeps them.
const DEFAULT_DEAD_LETTERS_AFTER: u32 = 30;
const DEFAULT_OPERATIONS_AFTER: u32 = 365;

/// Keys under `retention`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// How long a saga that has ended stays in the database after its last event; 1h to 100years, 0s for ever
    #[arg(
        id = "retention.after",
        long = "retention-after",
        value_name = "PERIOD",
        env = "SAGA_SERVER_RETENTION_AFTER"
    )]
    pub after: Option<Period>,

    /// How long a saga that has not ended stays in the database after its last event; 1h to 100years, 0s for ever
    #[arg(
        id = "retention.unfinishedAfter",
        long = "retention-unfinished-after",
        value_name = "PERIOD",
        env = "SAGA_SERVER_RETENTION_UNFINISHED_AFTER"
    )]
    pub unfinished_after: Option<Period>,

    /// How long a dead letter stays in the database after it was put on its topic; 1h to 100years, 0s for ever
    #[arg(
        id = "retention.deadLettersAfter",
        long = "retention-dead-letters-after",
        value_name = "PERIOD",
        env = "SAGA_SERVER_RETENTION_DEAD_LETTERS_AFTER"
    )]
    pub dead_letters_after: Option<Period>,

    /// How long an operation stays in the log of operations; 1h to 100years, 0s for ever
    #[arg(
        id = "retention.operationsAfter",
        long = "retention-operations-after",
        value_name = "PERIOD",
        env = "SAGA_SERVER_RETENTION_OPERATIONS_AFTER"
    )]
    pub operations_after: Option<Period>,
}

/// Keys under `archive`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ArchiveSettings {
    /// Where sagas are archived before they leave the database: file:///FOLDER or s3://BUCKET/PREFIX
    #[arg(
        id = "archive.url",
        long = "archive-url",
        value_name = "URL",
        env = "SAGA_SERVER_ARCHIVE_URL"
    )]
    pub url: Option<String>,
}

/// Both settings together.
pub(super) fn resolve(
    retention: &RetentionSettings,
    archive: &ArchiveSettings,
) -> Result<RetentionConfig, ConfigError> {
    Ok(RetentionConfig {
        periods: retention.periods()?,
        archive: archive.url()?,
    })
}

impl RetentionSettings {
    fn periods(&self) -> Result<RetentionPeriods, ConfigError> {
        Ok(RetentionPeriods {
            ended: period("retention.after", self.after, DEFAULT_AFTER)?,
            unfinished: period(
                "retention.unfinishedAfter",
                self.unfinished_after,
                DEFAULT_UNFINISHED_AFTER,
            )?,
            dead_letters: period(
                "retention.deadLettersAfter",
                self.dead_letters_after,
                DEFAULT_DEAD_LETTERS_AFTER,
            )?,
            operations: period(
                "retention.operationsAfter",
                self.operations_after,
                DEFAULT_OPERATIONS_AFTER,
            )?,
        })
    }
}

/// None for ever.
fn period(
    key: &'static str,
    given: Option<Period>,
    default_days: u32,
) -> Result<Option<Duration>, ConfigError> {
    let after = given.unwrap_or(Period(DAY.saturating_mul(default_days)));
    if after.0.is_zero() {
        return Ok(None);
    }
    let allowed = Duration::from_secs(3600)..=DAY.saturating_mul(36_600);
    period_within(key, after, allowed).map(Some)
}

impl ArchiveSettings {
    pub(super) fn url(&self) -> Result<Option<ArchiveUrl>, ConfigError> {
        let url = self.url.as_deref().map(str::parse).transpose();
        url.map_err(|reason: String| ConfigError::value("archive.url", reason))
    }
}

/// In days, which people count here, and not in the months that a length of time would be shown in.
pub(super) struct After(pub(super) Option<Duration>);

impl fmt::Display for After {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => formatter.write_str("0s"),
            Some(after) if after.as_secs() % DAY.as_secs() == 0 => {
                write!(formatter, "{}days", after.as_secs() / DAY.as_secs())
            }
            Some(after) => Period(after).fmt(formatter),
        }
    }
}
