//! How ingest is configured.

use std::{path::PathBuf, time::Duration};

use crate::secret::Secret;

/// A schema registry that answers as Confluent's does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Its address, up to where `/schemas/ids` follows; may hold a user and a password.
    pub url: Secret,
    /// The certificates that vouch for it; none for the system's.
    pub ca_file: Option<PathBuf>,
}

/// How events are taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestConfig {
    /// The most events of one batch.
    pub batch_size: usize,
    /// How long a batch waits to fill up.
    pub batch_wait: Duration,
    /// After how long offsets that cannot be read are skipped; never when none.
    pub skip_unreadable_after: Option<Duration>,
    /// How many transactions store events at the same time.
    pub writers: usize,
}
