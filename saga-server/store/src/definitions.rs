//! The definitions in force, which may be replaced while the collector runs.

use std::sync::{Arc, PoisonError, RwLock};

use saga_types::definition::Definitions;

/// The definitions in force: one set for all who fold, replaced as a whole. A clone is the same set.
#[derive(Debug, Clone)]
pub struct CurrentDefinitions(Arc<RwLock<Arc<Definitions>>>);

impl CurrentDefinitions {
    /// These, until others are put in force.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        Self(Arc::new(RwLock::new(definitions)))
    }

    /// Those in force now. Take them once for what must agree in itself, such as one batch or one answer.
    #[must_use]
    pub fn get(&self) -> Arc<Definitions> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts others in force. A saga follows with its next event; `rebuild` brings the rows of all others in line.
    pub fn replace(&self, definitions: Definitions) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(definitions);
    }
}
