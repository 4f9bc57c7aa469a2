//! What is usual: learnt by the collector that holds the lease, read by all of them.
//!
//! Rule of thumb: learning takes at most a fiftieth of the time, however many sagas there are.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use saga_store::{Store, StoreError};
use saga_types::Timestamp;
use tokio_util::sync::CancellationToken;

use super::lease::{Lease, LeasedWork, Turn};

/// How often what is kept is read, and how often it is learnt anew at the most and at the least.
const INTERVAL: Duration = Duration::from_secs(60);
const SELDOM: Duration = Duration::from_secs(600);

/// How long the lease lasts when its holder does not renew it.
const LEASE: Duration = Duration::from_secs(180);

const LEASE_NAME: &str = "usual";

/// Learns what is usual, or waits for the lease, until cancelled; in either case this collector answers by what is kept.
pub async fn keep_usual(store: Arc<dyn Store>, stop: CancellationToken) {
    let lease = Lease::new(store.clone(), LEASE_NAME, LEASE);
    let usual = UsualTimes {
        store,
        next: Instant::now(),
    };
    lease.run(INTERVAL, stop, usual).await;
}

struct UsualTimes {
    store: Arc<dyn Store>,
    /// When it is to be learnt anew.
    next: Instant,
}

impl LeasedWork for UsualTimes {
    async fn turn(&mut self, turn: Turn, _: &CancellationToken) {
        let kept = match turn {
            Turn::Ours(_) if Instant::now() >= self.next => self.learn().await,
            Turn::Ours(_) | Turn::Others => self.store.load_usual().await,
            Turn::Unknown(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "usual times not refreshed, retrying");
        }
    }
}

impl UsualTimes {
    async fn learn(&mut self) -> Result<(), StoreError> {
        let begun = Instant::now();
        self.store.learn_usual(Timestamp::now()).await?;
        let took = begun.elapsed();
        self.next = Instant::now() + (took * 50).clamp(INTERVAL, SELDOM);
        tracing::debug!(took_ms = took.as_millis(), "usual times learnt");
        Ok(())
    }
}
