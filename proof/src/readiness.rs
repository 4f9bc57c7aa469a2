//! Asks a server again and again whether it is ready.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;

use crate::{http, server};

const PAUSE: Duration = Duration::from_millis(100);

/// Asks until it is dropped.
#[derive(Debug)]
pub(crate) struct Readiness {
    asking: JoinHandle<()>,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    samples: AtomicUsize,
    /// The answers, as far as each differs from the one before.
    changes: Mutex<Vec<bool>>,
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
        self.seen
            .changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the last answer was yes.
    pub(crate) fn is_ready(&self) -> bool {
        self.changes().last() == Some(&true)
    }
}

async fn ask(url: String, seen: Arc<Seen>) {
    let client = http::client();
    loop {
        let is_ready = server::is_ready(&client, &url).await;
        seen.samples.fetch_add(1, Ordering::Relaxed);
        {
            let mut changes = seen.changes.lock().unwrap_or_else(PoisonError::into_inner);
            if changes.last() != Some(&is_ready) {
                changes.push(is_ready);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.asking.abort();
    }
}
