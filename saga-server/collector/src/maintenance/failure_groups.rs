//! Sagas that failed before rows had a group of failures are given theirs, and dead letters that were kept before they had a
//! cause and words, once, by one collector of several.
//!
//! Rule of thumb: it has no hurry. Some rows are looked at at a time, the newest first, and the database has as much time for
//! others as that took.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use saga_store::{Store, StoreError};
use saga_types::Timestamp;
use tokio_util::sync::CancellationToken;

use super::lease::{Lease, LeasedWork, Turn};

const LEASE_NAME: &str = "failure_groups";

/// How long a collector that was killed keeps the others from it.
const LEASE: Duration = Duration::from_secs(120);

/// Between two looks at some failed sagas.
const INTERVAL: Duration = Duration::from_millis(500);

/// How many failed sagas are looked at at once.
const AT_ONCE: u32 = 200;

/// Looks at all failed sagas and dead letters once, then waits until cancelled.
pub async fn keep(store: Arc<dyn Store>, stop: CancellationToken) {
    let lease = Lease::new(store.clone(), LEASE_NAME, LEASE);
    let done = stop.child_token();
    let work = Grouping {
        store,
        after: None,
        grouped: 0,
        letters: 0,
        done: done.clone(),
    };
    lease.run(INTERVAL, done, work).await;
    stop.cancelled().await;
}

struct Grouping {
    store: Arc<dyn Store>,
    after: Option<(Timestamp, String)>,
    grouped: u64,
    letters: u64,
    /// Ends the turns.
    done: CancellationToken,
}

impl Grouping {
    /// Whether there are more.
    async fn some(&mut self) -> Result<bool, StoreError> {
        let began = Instant::now();
        let found = self.store.group_failures(self.after.as_ref(), AT_ONCE).await?;
        let Some(found) = found else {
            let letters = self.store.index_letters(AT_ONCE).await?;
            self.letters += letters;
            return Ok(letters > 0);
        };
        self.grouped += found.grouped;
        self.after = Some(found.last);
        tokio::time::sleep(began.elapsed()).await;
        Ok(true)
    }
}

impl LeasedWork for Grouping {
    async fn turn(&mut self, turn: Turn, _: &CancellationToken) {
        // While another collector does it there is nothing to do but to take over should it die.
        if !matches!(turn, Turn::Ours(_)) {
            return;
        }
        match self.some().await {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(
                    sagas = self.grouped,
                    letters = self.letters,
                    "all failed sagas have their group of failures, all dead letters their cause"
                );
                self.done.cancel();
            }
            Err(error) => tracing::debug!(%error, "failed sagas and dead letters not grouped, retrying"),
        }
    }
}
