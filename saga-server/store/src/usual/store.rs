//! The port, and what each collector holds in memory.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use saga_types::Timestamp;

use super::{Standstill, Usual};
use crate::StoreError;

/// What is usual as it was read last, for all who answer questions. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct CurrentUsual(Arc<RwLock<Arc<Usual>>>);

impl CurrentUsual {
    /// As it was read last; nothing at first.
    #[must_use]
    pub fn get(&self) -> Arc<Usual> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers by this from now on.
    pub fn replace(&self, usual: Usual) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(usual);
    }
}

/// The part of a store that knows what is usual.
#[async_trait]
pub trait UsualStore {
    /// What is usual as it was read last; in memory.
    fn usual(&self) -> &CurrentUsual;

    /// Learns what is usual from the sagas that ended in the last seven days until a moment, of each type from about 10,000,
    /// and keeps it. For one collector at a time.
    async fn learn_usual(&self, moment: Timestamp) -> Result<(), StoreError>;

    /// Reads what is kept.
    async fn load_usual(&self) -> Result<(), StoreError>;

    /// Marks sagas without a limit that wait longer than it ever takes, as of a moment up to which everything is stored, when
    /// enough others that came later have gone on. The mark ends with the saga's next event. What is found beside that is kept
    /// as [`UsualStore::standstills`]. For one collector at a time.
    async fn mark_unusual(&self, moment: Timestamp) -> Result<Marked, StoreError>;

    /// Standstills as the collector that watches found them last, the one with the most sagas first.
    async fn standstills(&self) -> Result<Vec<Standstill>, StoreError>;
}

/// What one look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// How many sagas were marked.
    pub sagas: u64,
    /// Waits of which no saga can be judged alone.
    pub standstills: Vec<Standstill>,
}
