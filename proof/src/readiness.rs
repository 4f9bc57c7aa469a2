//! Asks a server again and again whether it is ready, and why not.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::http;

const PAUSE: Duration = Duration::from_millis(100);

/// How long an answer may take until it counts as no.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks until it is dropped.
#[derive(Debug)]
pub(crate) struct Readiness {
    asking: JoinHandle<()>,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    samples: AtomicUsize,
    changes: Mutex<Vec<Change>>,
}

/// An answer that differs from the one before.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) at: Instant,
    pub(crate) is_ready: bool,
    /// Which component was down first, and its reason; empty when ready.
    pub(crate) reason: String,
}

impl Readiness {
    pub(crate) fn of(url: &str) -> Self {
        let seen = Arc::new(Seen::default());
        let asking = tokio::spawn(ask(url.to_owned(), Arc::clone(&seen)));
        Self { asking, seen }
    }

    /// How often it was asked.
    pub(crate) fn samples(&self) -> usize {
        self.seen.samples.load(Ordering::Relaxed)
    }

    /// The answers so far, as far as each differs from the one before.
    pub(crate) fn changes(&self) -> Vec<bool> {
        self.story().iter().map(|change| change.is_ready).collect()
    }

    /// The same with times and reasons.
    pub(crate) fn story(&self) -> Vec<Change> {
        self.seen.changes().clone()
    }

    /// Whether the last answer was yes.
    pub(crate) fn is_ready(&self) -> bool {
        self.changes().last() == Some(&true)
    }
}

impl Seen {
    fn changes(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(url: String, seen: Arc<Seen>) {
    let client = http::client();
    loop {
        let reason = not_ready(&client, &url).await;
        seen.samples.fetch_add(1, Ordering::Relaxed);
        {
            let mut changes = seen.changes();
            let is_ready = reason.is_none();
            if changes.last().is_none_or(|last| last.is_ready != is_ready) {
                changes.push(Change {
                    at: Instant::now(),
                    is_ready,
                    reason: reason.unwrap_or_default(),
                });
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Why the server is not ready; none when it is.
async fn not_ready(client: &reqwest::Client, url: &str) -> Option<String> {
    let request = client.get(format!("{url}/health/readiness")).timeout(TIMEOUT);
    let answer = match request.send().await {
        Ok(answer) if answer.status().is_success() => return None,
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(_) => return Some("no answer".to_owned()),
    };
    let health: Value = serde_json::from_str(&answer).unwrap_or_default();
    let components = health["components"].as_object();
    let down =
        components.and_then(|components| components.iter().find(|(_, state)| state["status"] == "DOWN"));
    Some(down.map_or(answer, |(name, state)| {
        format!("{name}: {}", state["reason"].as_str().unwrap_or_default())
    }))
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.asking.abort();
    }
}
