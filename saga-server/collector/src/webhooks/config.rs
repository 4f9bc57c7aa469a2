//! What a webhook is, as it is configured.

use std::{fmt, path::PathBuf, time::Duration};

use saga_store::{NoticeKind, Scope};

use super::SigningKeys;
use crate::secret::Secret;

/// Somebody who is sent what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Names it in metrics and logs, and in what is stored for it.
    pub name: String,
    /// Where it is sent to; its path may be a secret.
    pub url: Secret,
    /// The certificates that vouch for an https address; the system's when not given.
    pub ca_file: Option<PathBuf>,
    /// Sign what is sent.
    pub keys: SigningKeys,
    /// What it is sent.
    pub kinds: Vec<NoticeKind>,
    /// Of which saga types.
    pub scope: Scope,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// As the configuration calls it.
#[must_use]
pub const fn event_name(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Stuck => "stuck",
        NoticeKind::Failed => "failed",
        NoticeKind::CompensationOverdue => "compensationOverdue",
    }
}

/// Without what may be secret: name, host, events and types.
impl fmt::Display for WebhookConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = reqwest::Url::parse(self.url.expose()).ok();
        let origin = url.map(|url| url.origin().ascii_serialization());
        let events: Vec<&str> = self.kinds.iter().copied().map(event_name).collect();
        let types: Vec<&str> = self.scope.types().map(|name| name.as_str()).collect();
        write!(
            formatter,
            "{}:{}/***:{}",
            self.name,
            origin.unwrap_or_default(),
            events.join(",")
        )?;
        match types.is_empty() {
            true => Ok(()),
            false => write!(formatter, ":{}", types.join(",")),
        }
    }
}
