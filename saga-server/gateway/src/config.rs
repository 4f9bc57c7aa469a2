//! How much is taken at once, and how long an answer may wait for the broker.

use std::{path::PathBuf, time::Duration};

/// How much is taken at once, and how long an answer may wait for the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayConfig {
    /// How long an answer waits for the broker's acknowledgement.
    pub ack_timeout: Duration,
    /// The longest body, in bytes, as it comes and unpacked.
    pub max_body_bytes: usize,
    /// How many bytes of bodies are held at once, of all callers together; one caller gets half of it.
    pub max_buffered_bytes: usize,
    /// A folder of mappings, if there is one.
    pub mappings_dir: Option<PathBuf>,
}

/// The most events of one body.
pub const MAX_EVENTS: usize = 1_000;

/// The most spans or log records of one request.
pub const MAX_ITEMS: usize = 20_000;

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            ack_timeout: Duration::from_secs(10),
            max_body_bytes: 4 * 1024 * 1024,
            max_buffered_bytes: 16 * 1024 * 1024,
            mappings_dir: None,
        }
    }
}
