//! How long sagas stay in the database, and where they go.

use std::{fmt, time::Duration};

use clap::Args;
use merge::Merge;
use serde::Deserialize;

use super::{ConfigError, Period, checks::period_within};
use saga_collector::{archive::ArchiveUrl, maintenance::RetentionConfig};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a saga stays after its last event, by default.
const DEFAULT_AFTER: Duration = DAY.saturating_mul(90);

/// Keys under `retention`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
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
        after: retention.after()?,
        archive: archive.url()?,
    })
}

impl RetentionSettings {
    fn after(&self) -> Result<Option<Duration>, ConfigError> {
        let after = self.after.unwrap_or(Period(DEFAULT_AFTER));
        if after.0.is_zero() {
            return Ok(None);
        }
        let allowed = Duration::from_secs(3600)..=DAY.saturating_mul(36_600);
        period_within("retention.after", after, allowed).map(Some)
    }
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
