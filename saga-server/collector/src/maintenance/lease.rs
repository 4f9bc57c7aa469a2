//! What one collector of several does, the one that holds a lease in the database.
//!
//! Rule of thumb: a holder that ends gives its lease back, whatever it ended with, so that the next one need not wait until
//! the lease has run out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use saga_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// After how long without an answer that is said, and again.
const UNKNOWN_TOO_LONG: Duration = Duration::from_secs(60);

/// A lease, and as whom this collector asks for it.
#[derive(Clone)]
pub(crate) struct Lease {
    store: Arc<dyn Store>,
    name: &'static str,
    period: Duration,
    holder: String,
    /// When the database said last who holds it, or its silence was last reported.
    known: Arc<Mutex<Instant>>,
}

/// Who holds the lease at one turn.
pub(crate) enum Turn {
    /// This collector, until then unless it is renewed.
    Ours(Instant),
    /// Another collector.
    Others,
    /// The database does not say.
    Unknown(StoreError),
}

/// Work that is done at intervals by the collector that holds the lease.
pub(crate) trait LeasedWork: Send {
    /// One turn. It is taken by every collector, so that those without the lease can step back.
    fn turn(&mut self, turn: Turn, stop: &CancellationToken) -> impl Future<Output = ()> + Send;
}

impl Lease {
    /// It lasts for `period` when its holder does not renew it.
    pub(crate) fn new(store: Arc<dyn Store>, name: &'static str, period: Duration) -> Self {
        let holder = Uuid::now_v7().to_string();
        Self {
            store,
            name,
            period,
            holder,
            known: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Takes or renews it.
    pub(crate) async fn hold(&self) -> Turn {
        let asked = Instant::now();
        let held = self.store.hold_lease(self.name, &self.holder, self.period).await;
        self.report(held.as_ref().err());
        match held {
            Ok(true) => Turn::Ours(asked + self.period),
            Ok(false) => Turn::Others,
            Err(error) => Turn::Unknown(error),
        }
    }

    /// Everything else may work, as with a right that is missing: then nothing but this says that the work stands still.
    fn report(&self, failure: Option<&StoreError>) {
        let mut known = self.known.lock();
        if let Some(error) = failure {
            if known.elapsed() < UNKNOWN_TOO_LONG {
                return;
            }
            tracing::warn!(%error, lease = self.name, "lease not held for a minute, its work stands still");
        }
        *known = Instant::now();
    }

    /// Gives it back. When the database does not take that, it runs out by itself.
    pub(crate) async fn release(&self) {
        if let Err(error) = self.store.release_lease(self.name, &self.holder).await {
            tracing::debug!(%error, lease = self.name, "lease not released");
        }
    }

    /// Takes a turn at each interval until cancelled, and gives the lease back at the end.
    pub(crate) async fn run(self, interval: Duration, stop: CancellationToken, mut work: impl LeasedWork) {
        while !stop.is_cancelled() {
            let turn = self.hold().await;
            work.turn(turn, &stop).await;
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = stop.cancelled() => {}
            }
        }
        self.release().await;
    }
}
