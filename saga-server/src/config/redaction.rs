//! The keys of metadata whose values are hidden.

use clap::Args;
use merge::Merge;
use serde::Deserialize;

use super::ConfigError;
use saga_collector::redaction::Redaction;

const METADATA_KEYS: &str = "redaction.metadataKeys";

/// Keys under `redaction`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RedactionSettings {
    /// Keys of metadata whose values are hidden from every answer, separated by semicolons; card* matches all that begin with card
    #[arg(
        id = "redaction.metadataKeys",
        long = "redact-metadata-key",
        value_name = "KEY",
        env = "SAGA_SERVER_REDACTION_METADATA_KEYS",
        value_delimiter = ';'
    )]
    pub metadata_keys: Option<Vec<String>>,
}

impl RedactionSettings {
    /// By default nothing is hidden.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] when a key cannot be one.
    pub fn resolve(&self) -> Result<Redaction, ConfigError> {
        Redaction::of(self.metadata_keys.as_deref().unwrap_or_default())
            .map_err(|reason| ConfigError::value(METADATA_KEYS, reason))
    }
}
