//! What became of a batch, and how it changed its sagas.

use saga_types::{SagaStatus, fold::SagaState};

/// What became of a batch.
#[derive(Debug, Clone, Default)]
pub struct Appended {
    /// Events that were stored, by their index in the batch.
    pub new: Vec<usize>,
    /// How many events were known already, or stood in the batch before.
    pub duplicates: usize,
    /// Events whose id is known with other content, by their index in the batch. They were not stored.
    pub conflicts: Vec<usize>,
    /// Events of sagas that have left the database, by their index in the batch. They were not stored.
    pub removed: Vec<usize>,
    /// The sagas that changed, once each.
    pub changes: Vec<SagaChange>,
}

impl Appended {
    /// How many events were stored.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.new.len()
    }
}

/// How a batch changed one saga.
#[derive(Debug, Clone)]
pub struct SagaChange {
    /// Its status before the batch; none when it is new.
    pub previous_status: Option<SagaStatus>,
    /// Its state after the batch.
    pub state: SagaState,
    /// From the first failure to the last compensation, in milliseconds, when the batch made it COMPENSATED.
    pub compensation_ms: Option<i64>,
}
