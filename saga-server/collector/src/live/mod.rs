//! Sagas as they change, for many clients at once.
//!
//! ```text
//! append ─> ChangedSagas ─┬─────────────────────────> wanted ─ every 100 ms ─> states read once ─> each client
//!                         └─ NOTIFY ─> LISTEN of others ─^
//! ```
//!
//! Rule of thumb: only ids travel, and states are read once for all clients of a collector, and only when it has any. A client
//! that cannot keep up is reset; nothing is kept for it.

mod change;
mod hub;

use std::sync::Arc;

use saga_types::fold::SagaState;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use crate::redaction::Redaction;
use saga_store::Changes;

pub use change::{Change, Reset};

/// How many changes a client may be behind the newest one; more than are sent at once.
const BACKLOG: usize = 2 * Changes::MOST;

/// How many clients one collector has at most.
const MOST_CLIENTS: usize = 1_000;

/// The changes of one collector's database, and the clients that see them.
#[derive(Debug)]
pub struct Live {
    changes: broadcast::Sender<Arc<Change>>,
    places: Arc<Semaphore>,
    stop: CancellationToken,
    redaction: Arc<Redaction>,
}

/// One client's view.
pub struct Subscription {
    /// The changes since the subscription began.
    pub changes: broadcast::Receiver<Arc<Change>>,
    /// Cancelled when the collector ends.
    pub stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Live {
    /// Without clients; what they see goes through the redaction. All streams end with `stop`.
    #[must_use]
    pub fn new(redaction: Arc<Redaction>, stop: CancellationToken) -> Self {
        Self {
            changes: broadcast::Sender::new(BACKLOG),
            places: Arc::new(Semaphore::new(MOST_CLIENTS)),
            stop,
            redaction,
        }
    }

    /// A view of everything from now on. None when there are too many clients.
    pub fn subscribe(&self) -> Option<Subscription> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(Subscription {
            changes: self.changes.subscribe(),
            stop: self.stop.clone(),
            _place: place,
        })
    }

    /// How many clients there are.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.changes.receiver_count()
    }

    fn send(&self, saga: SagaState) {
        let saga = self.redaction.saga(saga);
        // Without a receiver there is nothing to do.
        let _ = self.changes.send(Arc::new(Change::of(saga)));
    }

    fn reset(&self, reset: Reset) {
        let _ = self.changes.send(Arc::new(Change::Reset(reset)));
    }
}
