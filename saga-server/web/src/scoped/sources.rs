//! What is read and changed. Handlers hold it and reach nothing through it.

use std::sync::Arc;

use saga_collector::{
    archive::{Archive, Lookup},
    dead_letters::DeadLetters,
    erasure::Erasures,
    live::Live,
};
use saga_store::{OperationStore, Store};

use super::words::KeptWords;

/// What is read and changed, by way of the caller's rights only.
#[derive(Clone)]
pub struct Sources {
    /// The database.
    pub(super) store: Arc<dyn Store>,
    /// The database, for what operators change.
    pub(super) operations: Arc<dyn OperationStore>,
    /// What could not be stored.
    pub(super) dead_letters: Arc<DeadLetters>,
    /// What changes.
    pub(super) live: Arc<Live>,
    /// Sagas that left the database, if they are archived.
    pub(super) lookup: Option<Lookup>,
    /// What erases a person's data.
    pub(super) erasures: Arc<Erasures>,
    /// What filters can ask for.
    pub(super) words: Arc<KeptWords>,
}

impl Sources {
    /// The parts of a collector.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, dead_letters: Arc<DeadLetters>, live: Arc<Live>) -> Self {
        Self {
            erasures: Arc::new(Erasures::new(store.clone(), None, dead_letters.clone())),
            operations: store.clone(),
            lookup: None,
            store,
            dead_letters,
            live,
            words: Arc::default(),
        }
    }

    /// The kind of database.
    pub(crate) fn system(&self) -> &'static str {
        self.store.system()
    }

    /// The same where changes are stored by way of this.
    #[must_use]
    pub fn with_operations(mut self, operations: Arc<dyn OperationStore>) -> Self {
        self.operations = operations;
        self
    }

    /// The same with the archive that sagas go into: it answers for them, and a person's data is erased from it, too.
    #[must_use]
    pub fn with_archive(mut self, archive: Option<Archive>) -> Self {
        self.lookup = archive.clone().map(Lookup::new);
        let erasures = Erasures::new(self.store.clone(), archive, self.dead_letters.clone());
        self.erasures = Arc::new(erasures);
        self
    }
}
