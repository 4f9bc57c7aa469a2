//! What is read and changed. Handlers hold it and reach nothing through it.

use std::sync::Arc;

use saga_collector::{dead_letters::DeadLetters, live::Live};
use saga_store::Store;

/// What is read and changed, by way of the caller's rights only.
#[derive(Clone)]
pub struct Sources {
    /// The database.
    pub(super) store: Arc<dyn Store>,
    /// What could not be stored.
    pub(super) dead_letters: Arc<DeadLetters>,
    /// What changes.
    pub(super) live: Arc<Live>,
}

impl Sources {
    /// The parts of a collector.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, dead_letters: Arc<DeadLetters>, live: Arc<Live>) -> Self {
        Self {
            store,
            dead_letters,
            live,
        }
    }
}
